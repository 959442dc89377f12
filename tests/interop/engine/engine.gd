# One engine as the other side of the tests. It connects to the port that --control names, does what it is told there,
# and tells what the signals of its clients and servers said. Both go as Variants behind their lengths, as StreamPeer
# sends them.
extends SceneTree

const NOTHING = "(nothing)"

var control = StreamPeerTCP.new()
var things = {}


func _init():
	OS.low_processor_usage_mode_sleep_usec = 1000
	for argument in OS.get_cmdline_args():
		if argument.begins_with("--control="):
			control.connect_to_host("127.0.0.1", int(argument.split("=")[1]))
	while control.get_status() == StreamPeerTCP.STATUS_CONNECTING:
		OS.delay_msec(1)
	control.set_no_delay(true)


func _idle(_delta):
	for thing in things.values():
		if thing is NetworkedMultiplayerPeer:
			thing.poll()
	while control.get_status() == StreamPeerTCP.STATUS_CONNECTED and control.get_available_bytes() > 0:
		control.put_var(["answer", obey(control.get_var())])
	if control.get_status() != StreamPeerTCP.STATUS_CONNECTED:
		quit()  # the tests are gone; what this function returns does not count in a SceneTree


func obey(command):
	var name = command[1]
	match command[0]:
		"new":
			things[name] = make(command[2])
			for told in things[name].get_signal_list():
				things[name].connect(told["name"], self, "tell", [name, told["name"]])
		"set":
			things[name].set(command[2], thing_or_value(command[3]))
		"call":
			return walk(things[name], command[2])
		"keep":
			things[name] = walk(things[command[2]], command[3])
		"forget":
			things.clear()
		"decode":
			return bytes2var(name, true)
		"encode":
			return var2bytes(name)
		"echo":
			things[name].connect("data_received", self, "echo", [things[name]])


func walk(value, steps):
	for step in steps:
		var arguments = []
		for argument in step[1]:
			arguments.append(thing_or_value(argument))
		value = value.callv(step[0], arguments)
	return value


func make(kind):
	match kind:
		"client":
			return WebSocketClient.new()
		"server":
			return WebSocketServer.new()
		"key":
			return CryptoKey.new()
		"certificate":
			return X509Certificate.new()
		"crypto":
			return Crypto.new()


func thing_or_value(value):
	if value is Dictionary and value.has("thing"):
		return things[value["thing"]]
	return value


# Bound arguments come last, and how many there are before depends on the signal.
func tell(a, b, c = NOTHING, d = NOTHING, e = NOTHING):
	var arguments = []
	for argument in [a, b, c, d, e]:
		if not (argument is String and argument == NOTHING):
			arguments.append(argument)
	var told = arguments.pop_back()
	control.put_var(["event", arguments.pop_back(), told, arguments])


func echo(a, b = null):
	var peer = a.get_peer(1) if b == null else b.get_peer(a)
	while peer.get_available_packet_count() > 0:
		var packet = peer.get_packet()
		peer.set_write_mode(
			WebSocketPeer.WRITE_MODE_TEXT if peer.was_string_packet() else WebSocketPeer.WRITE_MODE_BINARY
		)
		peer.put_packet(packet)
