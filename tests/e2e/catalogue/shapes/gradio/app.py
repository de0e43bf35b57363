import gradio as gr


def greet(name, intensity):
    return "Hello, " + name + "!" * int(intensity)


with gr.Blocks() as demo:
    gr.Markdown("# Greeter")
    name = gr.Textbox(label="Name")
    output = gr.Textbox(label="Greeting")
    button = gr.Button("Greet")
    button.click(lambda it: greet(it, 1), name, output)

if __name__ == "__main__":
    demo.launch()
