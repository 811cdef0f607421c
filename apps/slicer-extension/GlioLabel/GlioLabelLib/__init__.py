"""What the GlioLabel module is made of.

Everything here runs in the Python that 3D Slicer brings (3.9 in Slicer 5.6), needs nothing that Slicer does not bring, and imports nothing
of the server's package: the two meet on the wire only. From the bottom up:

* `words`, `places`, `changes`, `training`: no Slicer, no server
* `multipart`, `client`, `server`: the requests, each of which another thread can cancel
* `jobs`: requests in threads, their results on the main thread
* `volumes`, `labelmaps`, `views`, `segmentation`, `overlay`, `marks`: MRML nodes, main thread only
* `stages`, `session`, `submission`: a case from first to last, and what the panel says of it
* `settings`, `panel`: the application's settings, and the widgets
"""
