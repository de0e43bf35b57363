from nicegui import ui

ui.label("Hello NiceGUI!")
ui.button("Click", on_click=lambda: ui.notify("Clicked"))

ui.run()
