"""The types of `websockets.typing`."""

from __future__ import annotations

import http
import logging
import typing

BytesLike = bytes | bytearray | memoryview
DataLike = str | BytesLike
Data = str | bytes
LoggerLike = logging.Logger | logging.LoggerAdapter[typing.Any]
StatusLike = http.HTTPStatus | int
PathLike = typing.Any
Origin = typing.NewType("Origin", str)
Subprotocol = typing.NewType("Subprotocol", str)
ExtensionName = typing.NewType("ExtensionName", str)
ExtensionParameter = tuple[str, str | None]
ConnectionOption = typing.NewType("ConnectionOption", str)
ExtensionHeader = tuple[ExtensionName, list[ExtensionParameter]]
UpgradeProtocol = typing.NewType("UpgradeProtocol", str)
