"""Controls for numbers: a slider with a field to type into, a pair of fields for a range, one field for an amount.

The browser's own input elements, because they report a move at once and paint nothing else: with a slider that a
framework draws, its own rendering comes before the message to the server and competes with the plots afterwards.
"""

from __future__ import annotations

from typing import ClassVar

import panel as pn
import param
from panel.custom import JSComponent

STYLE = """
:host { --line: color-mix(in srgb, currentColor 35%, transparent); display: block; }
.control {
  display: grid; grid-template-columns: minmax(5.2rem, auto) minmax(4rem, 1fr) 5.2rem; align-items: center;
  gap: 0.6rem; min-height: 2.1rem; font-size: 0.95rem;
}
.control.ends { grid-template-columns: minmax(5.2rem, 1fr) 4.6rem auto 4.6rem; gap: 0.5rem; }
label { overflow-wrap: anywhere; }
input { font: inherit; color: inherit; min-width: 0; margin: 0; }
input[type=range] { width: 100%; cursor: pointer; height: 1.6rem; }
input[type=range] { accent-color: #0072B2; accent-color: light-dark(#0072B2, #56B4E9); }
input[type=text] {
  width: 100%; box-sizing: border-box; padding: 0.2rem 0.35rem; text-align: right; background: transparent;
  border: 1px solid var(--line); border-radius: 4px; font-variant-numeric: tabular-nums;
}
input:focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
input:disabled { opacity: 0.5; cursor: default; }
.control.amount { grid-template-columns: auto minmax(4rem, 1fr); }
.refusal { grid-column: 1 / -1; color: #D55E00; font-size: 0.85rem; }
.refusal:empty { display: none; }
"""

SHARED = """
const element = (name, properties, parent) =>
  parent.appendChild(Object.assign(document.createElement(name), properties))

// Digits that only come from adding steps are left out: 2.9200000000000017 is 2.92.
const tidy = (number) => Number(number.toPrecision(12))

const written = (number) => {
  if (number == null) { return "" }
  const size = Math.abs(number)
  return size !== 0 && (size < 1e-4 || size >= 1e7) ? String(number).replace("+", "") : String(tidy(number))
}

const limits = (model) => {
  const low = model.low == null ? "" : `at least ${model.low}`
  const high = model.high == null ? "" : `at most ${model.high}`
  return [low, high].filter((words) => words).join(" and ")
}

// What was typed as a number, or a sentence that says why it is none.
const read = (text, model) => {
  const number = Number(text.trim().replace("−", "-").replace(",", "."))
  if (text.trim() === "" || !Number.isFinite(number)) {
    return [null, `${model.label} must be a number, not "${text.trim().slice(0, 40)}".`]
  }
  if (model.whole && !Number.isInteger(number)) { return [null, `${model.label} must be a whole number.`] }
  if ((model.low != null && number < model.low) || (model.high != null && number > model.high)) {
    return [null, `${model.label} must be ${limits(model)}.`]
  }
  return [number, ""]
}
"""


class AtOnce(JSComponent):
    """A control whose changes are handled within the message that brings them.

    Panel waits 50 ms before it handles a widget's event and then shows the page as busy, which makes
    panel-material-ui's page render itself again, twice a move. Here neither happens. What keeps a fast drag from
    piling up is `live.Pace`.
    """

    label = param.String(default="", doc="Name of what is set.")
    description = param.String(default="", doc="Shown when the pointer rests on the label.")
    disabled = param.Boolean(default=False)
    low = param.Number(default=None, allow_None=True, doc="Smallest value that may be typed.")
    high = param.Number(default=None, allow_None=True, doc="Largest value that may be typed.")
    whole = param.Boolean(default=False, doc="Whether only whole numbers are accepted.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _busy__ignore: ClassVar[list[str]] = ["value"]

    __abstract = True

    def _server_change(self, doc, ref, subpath, attr, old, new):
        if attr != "value":
            super()._server_change(doc, ref, subpath, attr, old, new)
        elif attr in self._changing.get(ref, []):
            self._changing[ref].remove(attr)
        else:
            self._events[attr] = new
            try:
                self._change_event(doc)
            except Exception as error:
                pn.state._handle_exception(error)


class Slider(AtOnce):
    """A number, by slider or typed. The slider spans `start` to `end`, typing reaches from `low` to `high`."""

    value = param.Number(default=0)
    start = param.Number(default=0)
    end = param.Number(default=1)
    step = param.Number(default=0.01)

    _esm = (
        SHARED
        + """
    export function render({model}) {
      const control = Object.assign(document.createElement("div"), {className: "control"})
      element("label", {textContent: model.label, title: model.description, htmlFor: "field"}, control)
      const range = element("input", {type: "range", ariaLabel: model.label}, control)
      const field = element("input", {type: "text", id: "field", inputMode: "decimal", autocomplete: "off"}, control)
      const refusal = element("div", {className: "refusal", role: "alert"}, control)

      let sliding = false
      const show = () => {
        if (!sliding) {
          // A value that was typed beyond an end moves it there; it stays while the slider itself is moved.
          range.min = Math.min(model.start, model.value)
          range.max = Math.max(model.end, model.value)
        }
        range.step = model.step
        range.disabled = field.disabled = model.disabled
        if (Number(range.value) !== model.value) {
          // a typed value may lie between two steps
          range.value = model.value
        }
        field.value = written(model.value)
        refusal.textContent = ""
      }
      const choose = (value) => { if (value !== model.value) { model.value = value } else { show() } }
      const take = () => {
        const [number, sentence] = read(field.value, model)
        if (sentence) { refusal.textContent = sentence } else { choose(number) }
      }
      range.addEventListener("input", () => {
        sliding = true
        choose(tidy(Number(range.value)))
        sliding = false
      })
      field.addEventListener("change", take)
      field.addEventListener("keydown", (event) => {
        const steps = {ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10}[event.key]
        if (event.key === "Escape") { show() }
        if (event.key === "Enter") { take() }
        if (steps) {
          event.preventDefault()
          field.value = written(tidy(model.value + steps * model.step))
          take()
        }
      })
      for (const name of ["value", "start", "end", "step", "disabled"]) { model.on(name, show) }
      show()
      return control
    }
    """
    )


class Ends(AtOnce):
    """Two numbers, the lower one first; both empty for none where that is allowed."""

    value = param.Range(default=None, allow_None=True)
    optional = param.Boolean(default=False, doc="Whether the fields may be empty.")
    placeholder = param.String(default="all", doc="Shown in empty fields: what none means.")

    _esm = (
        SHARED
        + """
    export function render({model}) {
      const control = Object.assign(document.createElement("div"), {className: "control ends"})
      element("label", {textContent: model.label, title: model.description, htmlFor: "from"}, control)
      const placeholder = model.optional ? model.placeholder : ""
      const attributes = {type: "text", inputMode: "decimal", autocomplete: "off", placeholder}
      const from = element("input", {...attributes, id: "from", ariaLabel: `${model.label} from`}, control)
      element("span", {textContent: "to"}, control)
      const to = element("input", {...attributes, ariaLabel: `${model.label} to`}, control)
      const refusal = element("div", {className: "refusal", role: "alert"}, control)

      const show = () => {
        from.value = written(model.value?.[0])
        to.value = written(model.value?.[1])
        from.disabled = to.disabled = model.disabled
        refusal.textContent = ""
      }
      const take = () => {
        const texts = [from.value.trim(), to.value.trim()]
        if (model.optional && texts.every((text) => text === "")) {
          refusal.textContent = ""
          model.value = null
          return
        }
        if (model.value == null && texts.includes("")) { return } // the other end is still to be typed
        const [[low, wrong], [high, alsoWrong]] = texts.map((text) => read(text, model))
        const sentence = wrong || alsoWrong || (low < high ? "" : `${model.label} must begin below its end.`)
        refusal.textContent = sentence
        if (!sentence) { model.value = [low, high] }
      }
      for (const field of [from, to]) {
        field.addEventListener("change", take)
        field.addEventListener("keydown", (event) => {
          if (event.key === "Enter") { take() }
          if (event.key === "Escape") { show() }
        })
      }
      for (const name of ["value", "disabled"]) { model.on(name, show) }
      show()
      return control
    }
    """
    )

    def _process_property_change(self, msg):
        msg = super()._process_property_change(msg)
        if isinstance(msg.get("value"), list):
            msg["value"] = tuple(msg["value"])
        return msg


class Amount(AtOnce):
    """A number above `low` that is typed; with an empty field there is none."""

    value = param.Number(default=None, allow_None=True)
    placeholder = param.String(default="", doc="Shown while there is none.")

    _esm = (
        SHARED
        + """
    export function render({model}) {
      const control = Object.assign(document.createElement("div"), {className: "control amount"})
      element("label", {textContent: model.label, title: model.description, htmlFor: "amount"}, control)
      const attributes = {type: "text", inputMode: "decimal", autocomplete: "off"}
      const field = element("input", {...attributes, id: "amount"}, control)
      const refusal = element("div", {className: "refusal", role: "alert"}, control)

      const show = () => {
        field.value = written(model.value)
        field.placeholder = model.placeholder
        field.disabled = model.disabled
        refusal.textContent = ""
      }
      const take = () => {
        let [number, sentence] = field.value.trim() === "" ? [null, ""] : read(field.value, {label: model.label})
        if (number != null && model.low != null && number <= model.low) {
          sentence = `${model.label} must be above ${model.low}.`
        } else if (number != null && model.high != null && number > model.high) {
          sentence = `${model.label} must be at most ${model.high}.`
        }
        refusal.textContent = sentence
        if (sentence) { return }
        if (number !== model.value) { model.value = number } else { show() }
      }
      field.addEventListener("change", take)
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter") { take() }
        if (event.key === "Escape") { show() }
      })
      for (const name of ["value", "placeholder", "disabled"]) { model.on(name, show) }
      show()
      return control
    }
    """
    )
