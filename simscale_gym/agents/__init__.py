"""Who drives: traffic models, the futures of human drivers, pseudo-experts."""
