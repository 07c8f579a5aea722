// Says which frame of a page first shows a new value in both plots and in the table. See README.md, "The detector".
//
// Injected before the page's own scripts. It only keeps a log of what happened when (milliseconds of performance.now());
// paint.py reads the log and decides. Kinds of entries, in the order in which they happen after a key press:
//   input   a key press or a pointer move reached the page          out    a message left for the server
//   in      a message came back                                     data   a figure's data source or own range changed
//   paint   a figure's main canvas was cleared and drawn again      table  the text of the parameter table changed
//   picture only when validating: what that frame looks like
//   frame   a frame holding at least one paint or table change was handed over; its name is the shown value
(() => {
  const log = []
  const figures = new Map() // canvas element -> figure name
  const painted = new WeakSet() // canvas elements that were ever drawn on
  const followed = new WeakSet()
  const depth = {frame: 0, paint: 0}
  let parameter = "amplitude", table = null, observed = null, text = "", waiting = false
  const note = (kind, name = "", t = performance.now()) => { log.push([t, kind, name]) }

  for (const kind of ["keydown", "pointermove", "pointerdown", "pointerup"]) {
    window.addEventListener(kind, (event) => note("input", kind, event.timeStamp), {capture: true, passive: true})
  }

  const NativeSocket = window.WebSocket
  window.WebSocket = class extends NativeSocket {
    constructor(...args) {
      super(...args)
      this.addEventListener("message", () => note("in"))
    }
    send(data) {
      note("out")
      super.send(data)
    }
  }

  // A frame's callbacks run in one task, and a message posted from one is handled after that task: after the paint.
  const native_frame = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = (callback) => native_frame((t) => {
    depth.frame += 1
    try { callback(t) } finally { depth.frame -= 1 }
  })
  const channel = new MessageChannel()
  channel.port1.onmessage = ({data}) => {
    note("frame", data)
    if (window.detector.looking) { note("picture", pictures()) }
  }
  const post = () => {
    waiting = false // what changes from now on is seen in a later frame, even if this one's message is still on its way
    channel.port2.postMessage(shown())
  }
  const mark_frame = () => {
    if (waiting) { return }
    waiting = true
    if (depth.frame > 0) { post() } else { native_frame(post) }
  }

  const clear = CanvasRenderingContext2D.prototype.clearRect
  CanvasRenderingContext2D.prototype.clearRect = function(...args) {
    const name = figures.get(this.canvas)
    painted.add(this.canvas)
    if (name != null) {
      note("paint", name)
      mark_frame()
    }
    return clear.apply(this, args)
  }

  function* deep(root) { // every element below, through open shadow roots
    for (const element of root.querySelectorAll("*")) {
      yield element
      if (element.shadowRoot != null) { yield* deep(element.shadowRoot) }
    }
  }
  const locate = () => {
    if (table?.isConnected) { return table }
    const known = observed?.querySelector("table.parameters, .slick-viewport") // the table was replaced inside its root
    table = known ?? null
    if (table == null) {
      for (const element of deep(document)) {
        if (element.matches("table.parameters, .slick-viewport.slick-viewport-left")) { table = element; break }
      }
    }
    const root = table?.getRootNode() ?? null
    if (root != null && root !== observed) {
      observed = root
      new MutationObserver(changed).observe(root, {subtree: true, childList: true, characterData: true})
    }
    return table
  }
  const changed = () => {
    const now = locate()?.textContent ?? ""
    if (now === text) { return }
    text = now
    note("table")
    mark_frame()
  }
  const shown = () => {
    const element = locate()
    if (element == null) { return "" }
    if (element.matches("table")) {
      return element.querySelector(`tr[data-parameter="${parameter}"] td[data-column="true"]`)?.textContent.trim() ?? ""
    }
    const row = [...element.querySelectorAll(".slick-row")].find((row) => row.textContent.trim().startsWith(parameter))
    return row?.querySelectorAll(".slick-cell")[1]?.textContent.trim() ?? "" // a Bokeh DataTable
  }

  const close_to = (text, value) => {
    const digits = text.split(".")[1]?.length ?? 0
    return text !== "" && Math.abs(Number(text.replace("−", "-")) - value) <= 0.5000001 * 10 ** -digits
  }

  const models = () => (window.Bokeh?.documents ?? []).flatMap((document) => [...document._all_models.values()])
  const plots = () => models().filter((model) => ["fit", "residuals"].includes(model.name) && model.renderers != null)
  const follow = (model, names, signals) => {
    if (model == null || followed.has(model)) { return }
    followed.add(model)
    for (const signal of signals) {
      model[signal]?.connect(() => { for (const name of names) { note("data", name) } })
    }
  }
  const attach = (name) => { // again before every block of moves: a page may have made new figures
    parameter = name
    figures.clear()
    const users = new Map() // data source or range -> figures
    for (const figure of plots()) {
      const view = Bokeh.index.find_one(figure)
      if (view == null) { continue }
      figures.set(view.canvas_view.primary.canvas, figure.name)
      const own = [figure.x_range, figure.y_range].filter((range) => range.type === "Range1d")
      for (const part of [...figure.renderers.map((renderer) => renderer.data_source), ...own]) {
        if (part != null) { users.set(part, [...(users.get(part) ?? []), figure.name]) }
      }
    }
    for (const [part, names] of users) { follow(part, [...new Set(names)], ["change", "patching", "streaming"]) }
    locate()
    changed()
    return {figures: [...figures.values()], shown: shown()}
  }

  const pictures = () => { // what the eye sees, for validating the detector: too slow to use while measuring
    const seen = [text]
    for (const [canvas, name] of figures) {
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
      let hash = 0
      const words = new Int32Array(data.buffer)
      for (let i = 0; i < words.length; i++) { hash = (Math.imul(hash, 31) + words[i]) | 0 }
      seen.push(`${name}:${hash}`)
    }
    return seen.join("|")
  }

  const slow = (name, ms) => { // for validating: draw a plot later than the page wants to; 0 ms undoes it
    const view = Bokeh.index.find_one(plots().find((plot) => plot.name === name))
    const paint = view.throttled_paint.original ?? view.throttled_paint
    const later = () => new Promise((resolve) => setTimeout(() => paint().then(resolve), ms))
    view.throttled_paint = ms > 0 ? Object.assign(later, {stop: paint.stop, original: paint}) : paint
  }

  window.detector = {
    looking: false,
    slow,
    find: (css) => { for (const element of deep(document)) { if (element.matches(css)) { return element } } return null },
    log, attach, shown, pictures, plots, models,
    take: () => log.splice(0, log.length),
    covered: () => { // a loading screen lies over the page
      let element = document.elementFromPoint(innerWidth / 2, innerHeight / 2)
      while (element != null && getComputedStyle(element).position !== "fixed") { element = element.parentElement }
      return element != null
    },
    ready: () => {
      const views = plots().map((plot) => Bokeh.index.find_one(plot))
      return views.length >= 2 && views.every((view) => painted.has(view?.canvas_view?.primary.canvas)) && shown() !== ""
    },
    settled: async (value, name, patience = 60000) => { // the table shows the slider's value and nothing has happened for a while
      const end = performance.now() + patience
      while (!close_to(shown(), value(name)) && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await window.detector.quiet(500)
    },
    quiet: (ms) => new Promise((resolve) => {
      const check = () => {
        const idle = performance.now() - (log.at(-1)?.[0] ?? 0)
        if (idle >= ms) { resolve(idle) } else { setTimeout(check, ms - idle + 1) }
      }
      check()
    }),
  }
})()
