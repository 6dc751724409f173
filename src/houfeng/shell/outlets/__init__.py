"""Where alerts go out: a file, folders of CAP and QuakeML, WebSocket and MQTT."""
