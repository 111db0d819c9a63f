"""Who drives: agents that see observations, pseudo-experts that see all, and traffic models that move the others."""

from simscale_gym.lazy_names import lazy_names

_MODULES = {
    "AGENTS": "named_agents",
    "EXPERTS": "experts",
    "HORIZON_STEPS": "futures",
    "PLAN_STRIDE": "expert",
    "TRAFFIC_MODELS": "traffic",
    "Agent": "agent",
    "AgentContext": "agent",
    "ConstantVelocity": "constant_velocity",
    "ConstantVelocityAgent": "constant_velocity_agent",
    "Expert": "expert",
    "ExpertAgent": "agent",
    "ExpertPlan": "expert",
    "HumanFutures": "futures",
    "IDMConfig": "reactive.idm",
    "IDMTraffic": "reactive.idm",
    "LogConfig": "log_expert",
    "LogExpert": "log_expert",
    "LogReplay": "log_replay",
    "MixedConfig": "reactive.mixed_traffic",
    "MixedTraffic": "reactive.mixed_traffic",
    "NamedAgent": "named_agents",
    "NavsimTraffic": "navsim.traffic",
    "PlannerExpert": "pdm.planner_expert",
    "RecoveryConfig": "recovery.recovery_expert",
    "RecoveryExpert": "recovery.recovery_expert",
    "Retrieval": "retrieval",
    "UnifiedConfig": "unified.config",
    "UnifiedExpert": "unified.unified_expert",
    "dense_plan": "agent",
    "logged_future": "recorded_ego",
    "logged_pose": "recorded_ego",
    "make_expert": "experts",
    "make_traffic": "traffic",
    "needs_bank": "experts",
    "reference_drive": "pdm.planner_expert",
    "rehearse": "rehearsal",
}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
