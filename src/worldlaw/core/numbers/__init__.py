"""Statistics, closed forms, areas and colours: functions of numbers alone."""
