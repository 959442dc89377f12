"""The native side beside its peers: clients against one counterpart, and servers with ten thousand connections.

Every contestant is a process of its own, which is told over a pipe what to do and answers with times. So plain and
compiled, asyncio and uvloop take turns within one run, and none disturbs another.
"""
