"""PDM-Closed, as NAVSIM runs it, and the planner expert that it makes."""

from simscale_gym.lazy_names import lazy_names

_MODULES = {
    "PDMConfig": "config",
    "PDMPlan": "closed",
    "PDMRoute": "route",
    "find_route": "route",
    "forecast_objects": "forecast",
    "make_generator": "proposals",
    "plan": "closed",
}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
