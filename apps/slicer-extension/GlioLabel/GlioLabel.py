"""The GlioLabel module of 3D Slicer: a case from Next case to Train in one panel, beside the MONAI Label module."""

from __future__ import annotations

import os
import shutil
import uuid

import qt
import slicer
from GlioLabelLib import settings
from GlioLabelLib.panel import Panel, training_options
from GlioLabelLib.server import Server
from GlioLabelLib.session import Session
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

#: Milliseconds between two looks at what came back: while something is under way, and otherwise.
BUSY_MS, IDLE_MS = 60, 700


class GlioLabel(ScriptedLoadableModule):
    """What Slicer lists."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "GlioLabel"
        parent.categories = ["Active Learning", "Segmentation"]
        # Not MONAILabel: this module works without that one being open, and finds its settings by their keys.
        parent.dependencies = []
        parent.contributors = ["The GlioLabel developers"]
        parent.helpText = _(
            "Brain tumours with visible doubt: the next case, its mask, where the model is unsure, what you changed, and training. "
            "Works with a GlioLabel server for MONAI Label; the server's address is that of the MONAI Label settings. "
            "Research use only, not a medical device."
        )
        parent.acknowledgementText = _("Built on 3D Slicer, MONAI and MONAI Label.")


class GlioLabelLogic(ScriptedLoadableModuleLogic):
    """The session of this Slicer, and its temporary files. Everything that is done is in :class:`GlioLabelLib.session.Session`."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        # Patients' images: a folder of our own, which is removed with the module.
        self.folder = os.path.join(slicer.app.temporaryPath, "GlioLabel-" + uuid.uuid4().hex)
        os.makedirs(self.folder, mode=0o700)
        self.session = Session(lambda ending: os.path.join(self.folder, uuid.uuid4().hex + ending))

    def connect(self, login=None):
        """Connect to the server of the settings."""
        self.session.connect(Server(settings.make_client(login), self.folder))

    def close(self):
        """Cancel what is under way and remove the files."""
        self.session.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class GlioLabelWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. It only connects widgets with the session."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None
        self.timer = None
        self.shortcuts = []

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/GlioLabel.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        self.logic = GlioLabelLogic()
        self.panel = Panel(self.ui, self.logic.session)
        self._connect_widgets()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneClosed)
        self.ui.serverLineEdit.setText(settings.server_url())
        self.timer = qt.QTimer()
        self.timer.setInterval(IDLE_MS)
        self.timer.connect("timeout()", self.onTimer)
        self.timer.start()
        self.panel.render(force=True)

    def _connect_widgets(self):
        ui, session = self.ui, self.logic.session
        ui.connectButton.connect("clicked(bool)", lambda on: self.onConnect())
        ui.serverLineEdit.connect("editingFinished()", lambda: settings.set_server_url(ui.serverLineEdit.text))
        ui.loginButton.connect("clicked(bool)", lambda on: self.onLogin())
        ui.nextCaseButton.connect("clicked(bool)", lambda on: self.onNextCase())
        ui.viewsComboBox.connect("currentIndexChanged(int)", lambda index: self._do(session.arrange, ui.viewsComboBox.currentText))
        ui.sequenceComboBox.connect("currentIndexChanged(int)", lambda index: self.panel.sequence_chosen())
        ui.segmentButton.connect("clicked(bool)", lambda on: self.onSegment())
        ui.cancelButton.connect("clicked(bool)", lambda on: self._do(session.cancel))
        ui.undoButton.connect("clicked(bool)", lambda on: self._do(session.undo))
        ui.editButton.connect("clicked(bool)", lambda on: self.onEdit())
        ui.showMaskCheckBox.connect("toggled(bool)", lambda on: session.mask and session.mask.show(on))
        ui.measureComboBox.connect("currentIndexChanged(int)", lambda index: self._do(self.panel.choose_map))
        ui.regionComboBox.connect("currentIndexChanged(int)", lambda index: self._do(self.panel.choose_map))
        ui.showMapCheckBox.connect("toggled(bool)", lambda on: self.panel.show_map())
        ui.opacitySlider.connect("valueChanged(int)", lambda value: self.panel.show_map())
        ui.thresholdSlider.connect("valueChanged(int)", lambda value: self.panel.show_map())
        ui.placesTable.connect("cellClicked(int,int)", lambda row, column: self.panel.place_clicked(row, column))
        ui.placesTable.connect("cellChanged(int,int)", lambda row, column: self._do(self.panel.place_changed, row, column))
        ui.nextPlaceButton.connect("clicked(bool)", lambda on: self._do(session.look_at_next))
        ui.findPlacesButton.connect("clicked(bool)", lambda on: self._do(session.find_places))
        ui.submitButton.connect("clicked(bool)", lambda on: self._do(session.submit, ui.commentLineEdit.text))
        ui.trainButton.connect("clicked(bool)", lambda on: self.onTrain())
        ui.stopTrainingButton.connect("clicked(bool)", lambda on: self._do(session.stop_training))

    # --- Slicer's calls

    def enter(self):
        """The module is shown: its keys work, and it connects by itself the first time."""
        self._add_shortcuts()
        if self.logic.session.offer is None and not self.logic.session.busy:
            self.onConnect()

    def exit(self):
        """Another module is shown. What is under way goes on."""
        for shortcut in self.shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self.shortcuts = []

    def cleanup(self):
        """Slicer ends, or the module is loaded anew."""
        self.exit()
        if self.timer is not None:
            self.timer.stop()
        self.removeObservers()
        if self.logic is not None:
            self.logic.close()

    def onSceneClosed(self, caller, event):
        self._do(self.logic.session.scene_closed)

    def onTimer(self):
        session = self.logic.session
        session.tick()
        wanted = BUSY_MS if session.busy else IDLE_MS
        if self.timer.interval != wanted:
            self.timer.setInterval(wanted)
        self.panel.render()

    # --- buttons that need more than the session

    def onConnect(self):
        session = self.logic.session
        elsewhere = session.server is not None and session.server.client.url != settings.make_client().url
        if elsewhere and not self._may_leave(_("Your edits of {case} were not submitted. Go to another server without them?")):
            return
        self._do(self.logic.connect)

    def onLogin(self):
        login = settings.Login(self.ui.userNameLineEdit.text, self.ui.passwordLineEdit.text, None)
        self.ui.passwordLineEdit.setText("")
        self._do(self.logic.connect, login)

    def onNextCase(self):
        if not self._may_leave(_("Your edits of {case} were not submitted. Go on to the next case without them?")):
            return
        self.ui.commentLineEdit.setText("")
        self._do(self.logic.session.next_case, self.ui.strategyComboBox.currentText)

    def onSegment(self):
        self._do(self.logic.session.segment, self.ui.modelComboBox.currentText, self.ui.passesComboBox.currentText)

    def onEdit(self):
        """Open Slicer's own editor on the mask."""
        session = self.logic.session
        if session.mask is None:
            return
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        editor.setSegmentationNode(session.mask.node)
        editor.setSourceVolumeNode(session.mask.volume)

    def onTrain(self):
        trainer, session = self.ui.trainerComboBox.currentText, self.logic.session
        config = session.offer.trainers.get(trainer, {}) if session.offer is not None else {}
        epochs = self.ui.epochsSpinBox.value
        self._do(session.train, trainer, training_options(config, epochs or None))

    def _may_leave(self, question):
        """Whether edits may be left behind; asked for only if there are any."""
        session = self.logic.session
        return not session.unsubmitted or slicer.util.confirmYesNoDisplay(question.format(case=session.case.id))

    def _do(self, action, *arguments):
        """Do something, and show at once what came of it; what comes later the timer shows."""
        action(*arguments)
        if self.logic.session.busy:
            self.timer.setInterval(BUSY_MS)
        self.panel.render()

    # --- keys

    def _add_shortcuts(self):
        ui = self.ui
        keys = {
            "Alt+N": ui.nextCaseButton.click,
            "Alt+S": ui.segmentButton.click,
            "Alt+X": ui.cancelButton.click,
            "Alt+Z": ui.undoButton.click,
            "Alt+U": lambda: ui.showMapCheckBox.setChecked(not ui.showMapCheckBox.checked),
            "Alt+M": lambda: ui.showMaskCheckBox.setChecked(not ui.showMaskCheckBox.checked),
            "Alt+P": ui.nextPlaceButton.click,
            "Alt+C": self.onCheckPlace,
        }
        for index in range(4):
            keys[f"Alt+{index + 1}"] = lambda chosen=index: ui.sequenceComboBox.setCurrentIndex(chosen)
        window = slicer.util.mainWindow()
        if window is None or self.shortcuts:
            return
        for key, action in keys.items():
            shortcut = qt.QShortcut(window)
            shortcut.setKey(qt.QKeySequence(key))
            shortcut.connect("activated()", action)
            self.shortcuts.append(shortcut)

    def onCheckPlace(self):
        """Tick the place that is shown, or take the tick away, and go on to the next."""
        session = self.logic.session
        index = session.checklist.current
        if index is None:
            return
        checked = not session.checklist.is_checked(index)
        self._do(session.check_place, index, checked)
        if checked:
            self._do(session.look_at_next)


class GlioLabelTest(ScriptedLoadableModuleTest):
    """What can be seen without a server, inside Slicer: *Reload and Test* of the developers' section."""

    def runTest(self):
        self.setUp()
        self.test_mask_goes_in_and_comes_out()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_mask_goes_in_and_comes_out(self):
        import numpy as np
        from GlioLabelLib.segmentation import Mask

        volume = slicer.util.addVolumeFromArray(np.random.default_rng(0).random((10, 12, 14)).astype(np.float32))
        mask = Mask(volume, "Test")
        array = np.zeros((10, 12, 14), np.uint8)
        array[2:6, 3:9, 4:10], array[3:5, 4:8, 5:9], array[4, 5:7, 6:8] = 2, 3, 1
        mask.write(array, "unet3d test")
        assert (mask.read().array == array).all()
        assert mask.keep()
        mask.write(np.zeros_like(array), "")
        assert (mask.undo() == array).all()
        self.delayDisplay("The mask is the same as it went in.")
