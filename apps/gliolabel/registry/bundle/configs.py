"""``configs/inference.json`` and ``configs/metadata.json`` of a bundle, by the MONAI Bundle Specification."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Any

import torch

import gliolabel
from gliolabel.recipes import ModelVersion
from gliolabel.recipes.schema import InferenceSection
from gliolabel.vocabulary import LABELS, RESEARCH_NOTICE, SEQUENCES

_CLASSES = {"0": "background", **{str(value): name for name, value in LABELS.items()}}


def inference_config(version: ModelVersion) -> dict[str, Any]:
    """What ``python -m monai.bundle run`` reads, and MONAI Label's ``monaibundle`` app."""
    recipe = version.recipe
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "dataset_dir": "$os.path.join(@bundle_root, 'data')",
        "output_dir": "$os.path.join(@bundle_root, 'results')",
        "sequences": list(SEQUENCES),
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": network_definition(version),
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image", "reader": "NibabelReader"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "EnsureTyped", "keys": "image"},
            ],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': path} for path in sorted(glob.glob(os.path.join(@dataset_dir, '*.nii*')))]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False, "num_workers": 0},
        "inferer": {
            "_target_": "scripts.registry.bundle.inferer.CaseInferer",
            "sequences": "@sequences",
            "planes": list(recipe.inference.planes),
            "mirror": recipe.inference.mirror,
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                *_decided(recipe.inference),
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "mask",
                    "output_dtype": "$numpy.uint8",
                    "resample": False,
                    "separate_folder": False,
                },
            ],
        },
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$os.path.join(@bundle_root, 'models', 'model.pt')",
                "load_dict": {"model": "@network"},
                "map_location": "@device",
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "initialize": [],
        "run": ["$@evaluator.run()"],
    }


def _decided(rule: InferenceSection) -> list[dict[str, Any]]:
    """What comes before the choice of the most probable class, where a mask is not that alone."""
    if rule.tumour_threshold is None and rule.island_peak is None:
        return []
    decided = {
        "_target_": "scripts.registry.bundle.deciding.DecidedBackground",
        "tumour_threshold": rule.tumour_threshold,
        "island_peak": rule.island_peak,
    }
    return [{"_target_": "Lambdad", "keys": "pred", "func": decided}]


def network_definition(version: ModelVersion) -> dict[str, Any]:
    """The network, from the copy in ``scripts/``."""
    network = version.recipe.network
    if network.kind == "resunet2d":
        return {
            "_target_": "scripts.networks.resunet.ResUNet2D",
            "in_channels": network.in_channels,
            "out_channels": network.out_channels,
            "dropout": network.dropout[0],
        }
    return {
        "_target_": "scripts.networks.unet.UNet",
        "spatial_dims": network.spatial_dims,
        "in_channels": network.in_channels,
        "out_channels": network.out_channels,
        "channels": list(network.channels),
        "norm": network.norm,
        "dropout": list(network.dropout),
        "dropout_place": network.dropout_place,
        "dropout_of": network.dropout_of,
        "activation": network.activation,
        "up": network.up,
    }


def metadata(version: ModelVersion) -> dict[str, Any]:
    """What the bundle says of itself."""
    whole = ["*", "*", "*"]
    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "name": f"GlioLabel {version.name} {version.version}",
        "version": version.version,
        "changelog": {version.version: f"exported by GlioLabel {gliolabel.__version__}"},
        "monai_version": installed("monai"),
        "pytorch_version": torch.__version__,
        "numpy_version": installed("numpy"),
        "required_packages_version": {name: installed(name) for name in ("nibabel", "SimpleITK", "pytorch-ignite", "scipy")},
        "task": "Segmentation of glioma into necrosis, edema and enhancing tumor from four MRI sequences",
        "description": f"{version.recipe.title}. {RESEARCH_NOTICE}",
        "authors": "The GlioLabel developers",
        "copyright": "Copyright 2026 The GlioLabel developers; terms of the training data: see LICENSE",
        "intended_use": RESEARCH_NOTICE,
        "data_type": "nibabel",
        "image_classes": f"one 4-D volume of {', '.join(SEQUENCES)}, co-registered and skull-stripped, any spacing and orientation",
        "pred_classes": ", ".join(f"{value} {name}" for value, name in _CLASSES.items()),
        "gliolabel": {
            "model": version.name,
            "model_version": version.version,
            "weights_sha256": version.sha256(),
            "calibration": None if version.calibration is None else dict(version.calibration),
            "training_cases": sorted(version.metadata.get("trained_on", {})),
        },
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MR",
                    "num_channels": len(SEQUENCES),
                    "spatial_shape": whole,
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": False,
                    "channel_def": {str(channel): name for channel, name in enumerate(SEQUENCES)},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(_CLASSES),
                    "spatial_shape": whole,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": _CLASSES,
                }
            },
        },
    }
