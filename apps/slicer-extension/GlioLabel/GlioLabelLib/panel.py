"""Shows a session in the module's widgets, and passes on what a reader does with them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import qt

from . import stages
from .changes import cells
from .overlay import gradient_style
from .session import Session
from .stages import Face
from .views import SEQUENCES_BESIDE, THREE_PLANES
from .words import MEASURES, NOTICE, REGIONS, SEQUENCE_NAMES, TISSUES, WHOLE_CASE, measure_of, region_title

#: The colours of a stage's sentence, readable on light and dark panels; the words say the same.
_TEXT_STYLE = {
    stages.ERROR: "color: #C0392B; font-weight: bold;",
    stages.BUSY: "color: #2E86C1;",
    stages.EMPTY: "color: gray;",
    stages.READY: "",
}
#: A slider has whole steps.
_STEPS = 100


class Panel:
    """The widgets of the panel.

    Args:
        ui: the widgets by name.
        session: what they show.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session = ui, session
        self._shown = -1
        self._filling = self._folded = False
        ui.noticeLabel.setText(NOTICE)
        ui.legendBar.setStyleSheet(gradient_style())
        for label, tissue in zip((ui.necrosisLabel, ui.edemaLabel, ui.enhancingLabel), TISSUES):
            red, green, blue = (round(255 * part) for part in tissue.color)
            ink = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 140 else "black"
            label.setText(tissue.name)
            label.setStyleSheet(f"background: rgb({red}, {green}, {blue}); color: {ink}; padding: 2px; border-radius: 3px;")
        self._fill(ui.viewsComboBox, [THREE_PLANES, SEQUENCES_BESIDE])
        self._fill(ui.measureComboBox, [measure.title for measure in MEASURES])
        self._fill(ui.regionComboBox, [region_title(region) for region in (WHOLE_CASE, *REGIONS)])
        for table, wide in ((ui.placesTable, 2), (ui.changesTable, 0)):
            for column in range(table.columnCount):
                mode = qt.QHeaderView.Stretch if column == wide else qt.QHeaderView.ResizeToContents
                table.horizontalHeader().setSectionResizeMode(column, mode)
        self._measure_scale()

    # --- what is chosen

    def measure(self) -> str:
        """Name of the measure that is chosen."""
        return MEASURES[max(0, self.ui.measureComboBox.currentIndex)].name

    def region(self) -> str:
        """Name of the region that is chosen."""
        return (WHOLE_CASE, *REGIONS)[max(0, self.ui.regionComboBox.currentIndex)]

    def threshold(self) -> float:
        """From which value on the map is shown."""
        return float(self.ui.thresholdSlider.value) / _STEPS * measure_of(self.measure()).highest

    def opacity(self) -> float:
        """How strong the map is shown."""
        return float(self.ui.opacitySlider.value) / _STEPS if self.ui.showMapCheckBox.checked else 0.0

    def _measure_scale(self) -> None:
        """The slider and the legend of the measure that is chosen."""
        measure = measure_of(self.measure())
        self.ui.thresholdSlider.setValue(round(measure.threshold / measure.highest * _STEPS))
        self.ui.legendHighLabel.setText(f"{measure.highest:g} very unsure")

    # --- what is done

    def choose_map(self) -> None:
        """Another measure or region was chosen."""
        if self._filling:
            return
        if self.measure() != self.session.measure:
            self._measure_scale()
        self.session.load_map(self.measure(), self.region())
        self.show_map()

    def show_map(self) -> None:
        """A slider was moved, or the map was turned on or off."""
        self.ui.thresholdValueLabel.setText(f"from {self.threshold():.2f}")
        self.session.show_map(self.opacity(), self.threshold())

    def place_clicked(self, row: int, column: int) -> None:
        """A row of the table was clicked."""
        self.session.look_at(row)
        self.render()

    def place_changed(self, row: int, column: int) -> None:
        """A cell of the table changed: perhaps its tick."""
        if not self._filling and column == 0:
            item = self.ui.placesTable.item(row, 0)
            self.session.check_place(row, item is not None and item.checkState() == qt.Qt.Checked)

    def sequence_chosen(self) -> None:
        """Another sequence was chosen for the three planes."""
        if not self._filling and self.session.mode == THREE_PLANES:
            self.session.views.bring(self.ui.sequenceComboBox.currentIndex)

    # --- what is shown

    def render(self, force: bool = False) -> None:
        """Show the session as it is now, if there is anything new."""
        session, ui = self.session, self.ui
        if self._shown == session.revision and not force:
            return
        self._shown = session.revision
        self._filling = True
        try:
            self._render_server(session)
            self._render_case(session)
            self._render_mask(session)
            self._render_places(session)
            self._render_changes(session)
            self._render_training(session)
            for stage in session.faces:
                self._sentence(getattr(ui, f"{stage}StatusLabel"), session.faces[stage])
        finally:
            self._filling = False

    def _render_server(self, session: Session) -> None:
        ui, offer = self.ui, session.offer
        ui.loginBox.setVisible(session.needs_login)
        state = session.faces["server"].state
        folded = state == stages.READY and not session.needs_login
        if state != stages.BUSY and folded != self._folded:  # in the way while all is well; a reader who unfolds it is let be
            ui.serverSection.collapsed = self._folded = folded
        ui.connectButton.setEnabled(not session.faces["server"].busy)
        if offer is not None:
            self._fill(ui.strategyComboBox, list(offer.strategies))
            self._fill(ui.modelComboBox, offer.models)
            self._fill(ui.passesComboBox, offer.passes)
            self._fill(ui.trainerComboBox, list(offer.trainers))
            ui.strategyComboBox.setToolTip(offer.strategies.get(ui.strategyComboBox.currentText, ""))
        for name in ("caseSection", "maskSection", "mapSection", "placesSection", "changesSection", "submitSection", "trainingSection"):
            getattr(ui, name).setEnabled(offer is not None)

    def _render_case(self, session: Session) -> None:
        ui, case = self.ui, session.case
        waits = session.faces["case"].busy
        ui.nextCaseButton.setEnabled(not waits)
        ui.caseLabel.setText(case.id if case is not None else "–")
        self._fill(ui.sequenceComboBox, [SEQUENCE_NAMES.get(s.name, s.name) for s in case.sequences] if case is not None else [])
        ui.sequenceComboBox.setEnabled(session.mode == THREE_PLANES and case is not None)
        self._bar(ui.caseProgressBar, session.faces["case"])

    def _render_mask(self, session: Session) -> None:
        ui, mask_face = self.ui, session.faces["mask"]
        asked = any(session.faces[stage].busy for stage in ("case", "mask", "map", "places"))
        ui.segmentButton.setEnabled(session.case is not None and not mask_face.busy)
        ui.cancelButton.setEnabled(asked)
        ui.editButton.setEnabled(session.mask is not None)
        ui.undoButton.setEnabled(session.mask is not None and session.mask.can_undo and not mask_face.busy)
        self._bar(ui.maskProgressBar, mask_face)
        has_mask = bool(session.about_mask)
        for widget in (ui.measureComboBox, ui.regionComboBox):
            widget.setEnabled(has_mask)
        has_map = session.overlay.node is not None
        for widget in (ui.showMapCheckBox, ui.opacitySlider, ui.thresholdSlider):
            widget.setEnabled(has_map)
        self._bar(ui.mapProgressBar, session.faces["map"])
        ui.submitButton.setEnabled(session.case is not None and not session.faces["submit"].busy and not mask_face.busy)

    def _render_places(self, session: Session) -> None:
        ui, checklist = self.ui, session.checklist
        table = ui.placesTable
        table.setRowCount(len(checklist.places))
        for row, place in enumerate(checklist.places):
            tick = self._cell(table, row, 0, "")
            tick.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            tick.setCheckState(qt.Qt.Checked if checklist.is_checked(row) else qt.Qt.Unchecked)
            for column, text in enumerate((str(place.rank), place.why, f"{place.score:.2f}", place.volume_ml), start=1):
                cell = self._cell(table, row, column, text)
                cell.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
        if checklist.current is not None and checklist.current < len(checklist.places):
            table.selectRow(checklist.current)
        ui.nextPlaceButton.setEnabled(checklist.next() is not None)
        ui.findPlacesButton.setEnabled(bool(session.about_mask) and not session.faces["places"].busy)

    def _render_changes(self, session: Session) -> None:
        table = self.ui.changesTable
        table.setRowCount(len(session.rows))
        for index, row in enumerate(session.rows):
            shown = cells(row)
            texts = (region_title(row.region), shown["model"], shown["interval"], shown["now"], shown["difference"], shown["dice"])
            for column, text in enumerate(texts):
                self._cell(table, index, column, text).setFlags(qt.Qt.ItemIsEnabled)

    def _render_training(self, session: Session) -> None:
        ui, face = self.ui, session.faces["training"]
        ui.trainButton.setEnabled(not face.busy and bool(session.offer and session.offer.trainers))
        ui.stopTrainingButton.setEnabled(session.training.running)
        self._bar(ui.trainingProgressBar, face)
        origin = session.mask.origin if session.mask is not None else ""
        ui.versionLabel.setText(f"This mask: {origin}" if origin else "This mask: by nobody yet")

    # --- helpers

    def _sentence(self, label: Any, face: Face) -> None:
        label.setText(face.text)
        label.setStyleSheet(_TEXT_STYLE[face.state])

    def _bar(self, bar: Any, face: Face) -> None:
        bar.setVisible(face.busy)
        if face.busy:
            bar.setRange(0, _STEPS if face.progress is not None else 0)  # without an end it runs to and fro
            bar.setValue(round(_STEPS * (face.progress or 0.0)))

    def _cell(self, table: Any, row: int, column: int, text: str) -> Any:
        item = table.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem("")
            table.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)
        return item

    def _fill(self, combo: Any, entries: List[str]) -> None:
        """Offer these, and keep what is chosen if it is among them."""
        if [combo.itemText(index) for index in range(combo.count)] == list(entries):
            return
        chosen = combo.currentText
        before, self._filling = self._filling, True
        try:
            combo.clear()
            for entry in entries:
                combo.addItem(entry)
            if chosen in entries:
                combo.setCurrentText(chosen)
        finally:
            self._filling = before


def training_options(config: Dict[str, Any], epochs: Optional[int] = None) -> Dict[str, Any]:
    """The options of a training: the server's own defaults, but for the number of epochs.

    Example:
        >>> training_options({"epochs": 12, "promote": ["automatically", "wait"], "device": ["cuda", "cpu"]}, epochs=3)
        {'epochs': 3}
    """
    return {} if epochs is None or "epochs" not in config else {"epochs": int(epochs)}
