"""What trainers save: gsplat, MTGS, WorldEngine, HUGSIM, drivestudio; read without PyTorch."""
