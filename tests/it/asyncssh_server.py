"""An SFTP server that is no relative of OpenSSH: asyncssh, on a port of 127.0.0.1, until it is killed.

usage: asyncssh_server.py PORT HOST_KEY AUTHORIZED_KEYS
       asyncssh_server.py PORT HOST_KEY --password     (which it reads from PASSWORD in its environment)
"""

import asyncio
import os
import sys

import asyncssh

port, host_key, authorized_keys = sys.argv[1:]


class Asking(asyncssh.SSHServer):
    """Takes one password, whoever comes."""

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == os.environ["PASSWORD"]


async def serve():
    logins = {"authorized_client_keys": authorized_keys}
    if authorized_keys == "--password":
        logins = {"server_factory": Asking}
    await asyncssh.listen("127.0.0.1", int(port), server_host_keys=[host_key],
                          sftp_factory=asyncssh.SFTPServer, **logins)
    await asyncio.Event().wait()


asyncio.run(serve())
