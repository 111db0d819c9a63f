"""ScenarioDescription files of MetaDrive and ScenarioNet."""
