"""An SFTP server that is no relative of OpenSSH: asyncssh, on a port of 127.0.0.1, until it is killed.

usage: asyncssh_server.py PORT HOST_KEY AUTHORIZED_KEYS
"""

import asyncio
import sys

import asyncssh

port, host_key, authorized_keys = sys.argv[1:]


async def serve():
    await asyncssh.listen("127.0.0.1", int(port), server_host_keys=[host_key],
                          authorized_client_keys=authorized_keys, sftp_factory=asyncssh.SFTPServer)
    await asyncio.Event().wait()


asyncio.run(serve())
