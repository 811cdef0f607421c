"""The stock 3D Slicer plugin, opened without Slicer.

`slicer-core` brings the real data model of Slicer (MRML scene, segmentations, storage) as a wheel, but no Qt and no application. The files
here stand in for the rest, just far enough that the unmodified `MONAILabel.py` and its `.ui` file load and its buttons can be pressed:

* `qt`, `ctk`, `mrml_widgets`: widgets with state and signals, no pictures on a screen
* `ui`: builds those widgets from the plugin's `.ui` file
* `boxes`: message boxes, recorded instead of shown
* `app`, `files`, `sample_data`, `sitk_utils`, `module`: `slicer.app`, reading and writing nodes, and Slicer's helper modules
* `install`: puts the stand-ins where the plugin imports them from
* `plugin`: finds the plugin in the installed monailabel wheel and opens it
* `scene`: what a reader sees and does in the scene: segments, voxels, painting, points
* `desk`: a process of its own that holds all of this, and `remote`, the test's handle to it

Everything but `remote` runs in that separate process, so no stand-in and no VTK library ever enters the process that runs pytest.
"""
