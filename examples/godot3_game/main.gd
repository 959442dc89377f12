# Every player is a dot that follows the mouse. server.py relays what the players tell each other.
extends Node2D

const URL = "ws://127.0.0.1:9080/"

var session = WebSocketClient.new()
var dots = {}
var told = null


func _ready():
	session.connect("peer_connected", self, "_on_peer_connected")
	session.connect("peer_disconnected", self, "_on_peer_disconnected")
	session.connect("connection_failed", get_tree(), "quit")
	var url = URL
	for argument in OS.get_cmdline_args():
		if argument.begins_with("--url="):
			url = argument.trim_prefix("--url=")
	session.connect_to_url(url, [], true)


func _process(_delta):
	session.poll()
	while session.get_available_packet_count() > 0:
		var player = session.get_packet_peer()
		if not dots.has(player):
			print("player %d is here" % player)
		dots[player] = session.get_var()["at"]
		update()
	var here = get_global_mouse_position()
	if session.get_unique_id() != 0 and here != told:
		told = here
		session.put_var({"at": here})


func _on_peer_connected(_player):
	told = null


func _on_peer_disconnected(player):
	dots.erase(player)
	update()


func _draw():
	for player in dots:
		draw_circle(dots[player], 8, Color.from_hsv(player % 100 / 100.0, 0.8, 0.9))
