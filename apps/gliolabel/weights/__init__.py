"""The starter weights: one safetensors file per model, whose header says what it was trained on and under which terms."""
