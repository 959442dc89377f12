# A WebSocketPeer of Godot 4: it connects to a URL, or listens and says where. It sends texts back as they are, and of
# bytes the Variant in them. At the end it says how the connection closed.
extends SceneTree

var peer := WebSocketPeer.new()
var listener: TCPServer


func _initialize() -> void:
	Engine.max_fps = 500
	peer.inbound_buffer_size = 1 << 22
	peer.outbound_buffer_size = 1 << 22
	peer.max_queued_packets = 4096
	var arguments := OS.get_cmdline_user_args()
	if arguments.size() > 0:
		peer.supported_protocols = PackedStringArray(["game"])
		peer.connect_to_url(arguments[0])
		return
	listener = TCPServer.new()
	listener.listen(0, "127.0.0.1")
	print("port ", listener.get_local_port())


func _process(_delta: float) -> bool:
	if listener != null:
		if not listener.is_connection_available():
			return false
		peer.accept_stream(listener.take_connection())
		listener = null
	peer.poll()
	while peer.get_available_packet_count() > 0:
		var packet := peer.get_packet()
		if peer.was_string_packet():
			peer.send_text(packet.get_string_from_utf8())
		else:
			peer.put_packet(var_to_bytes(bytes_to_var(packet)))
	if peer.get_ready_state() != WebSocketPeer.STATE_CLOSED:
		return false
	print("closed ", peer.get_close_code(), " ", peer.get_close_reason())
	return true
