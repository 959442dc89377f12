# A Godot 3 server that has everybody guess a number; bot.py plays.
#
#     godot3-server --path . -s server.gd
#     python bot.py
extends SceneTree

const PORT = 9081
const NUMBERS = [0, 999]

var server = WebSocketServer.new()
var secrets = {}


func _init():
	randomize()
	server.connect("client_connected", self, "_on_client_connected")
	server.connect("client_disconnected", self, "_on_client_disconnected")
	server.connect("data_received", self, "_on_data_received")
	var port = PORT
	for argument in OS.get_cmdline_args():
		if argument.begins_with("--port="):
			port = int(argument.trim_prefix("--port="))
	if server.listen(port) != OK:
		quit(1)


func _idle(_delta):
	server.poll()


func _on_client_connected(id, _protocol):
	secrets[id] = NUMBERS[0] + randi() % (NUMBERS[1] - NUMBERS[0] + 1)
	server.get_peer(id).put_var({"guess": NUMBERS})


func _on_data_received(id):
	var guess = server.get_peer(id).get_var()
	if typeof(guess) != TYPE_INT or guess == secrets[id]:
		server.disconnect_peer(id, 1000, "right" if typeof(guess) == TYPE_INT else "guess a number")
	else:
		server.get_peer(id).put_var({"answer": "lower" if guess > secrets[id] else "higher"})


func _on_client_disconnected(id, _was_clean_close):
	secrets.erase(id)
