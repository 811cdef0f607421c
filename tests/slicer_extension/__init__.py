"""The companion module of 3D Slicer, on Slicer's own core and against a real server."""
