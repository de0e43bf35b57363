from dash import Dash, Input, Output, callback, dcc, html

app = Dash()

app.layout = [
    html.H1(children="Title of Dash App"),
    dcc.Input(value="initial value", id="input"),
    html.Div(id="output"),
]


@callback(Output("output", "children"), Input("input", "value"))
def update(value):
    return f"You have entered: {value}"


if __name__ == "__main__":
    app.run(debug=True)
