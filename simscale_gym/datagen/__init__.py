"""The data engine: perturbed clips, labelled by pseudo-experts, filtered, counted."""
