"""Where the side bar, the plots and the numbers are on a page of any width, as style sheets."""

ROOMS = """
:host { container-type: inline-size; max-height: none; }
.rooms {
  display: grid; align-items: start; height: max-content; max-height: none;
  grid-template: "side plots" max-content "side numbers" 1fr / 330px minmax(0, 1fr);
}
@container (max-width: 800px) {
  .rooms { grid-template: "plots" max-content "side" max-content "numbers" max-content / minmax(0, 1fr); }
}
"""
"""Side bar on the left; where there is no room for it, under the plots, which stay in view while a slider moves."""

PLACES = """
.side, .plots, .numbers { width: auto; height: max-content; max-height: none; }
.side { grid-area: side; }
.plots { grid-area: plots; }
@media (max-width: 800px) {
  .plots { position: sticky; top: 0; z-index: 1; background: var(--panel-background-color, Canvas); }
}
.numbers { grid-area: numbers; }
"""
