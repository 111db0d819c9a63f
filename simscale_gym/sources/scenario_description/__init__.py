"""ScenarioDescription files of MetaDrive and ScenarioNet."""

from simscale_gym.sources.scenario_description.reader import read_scenario_description

__all__ = ["read_scenario_description"]
