"""The VISS door, versions 2 and 3, over WebSocket and HTTP."""
