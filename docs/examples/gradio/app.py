"""Words counted, with Gradio."""

from collections import Counter

import gradio as gr


def count(text: str) -> dict[str, float]:
    """Return the share of the most frequent words."""
    words = Counter(text.lower().split())
    return {word: number / words.total() for word, number in words.most_common(5)}


app = gr.Interface(
    count,
    gr.Textbox(label="Text", lines=4),
    gr.Label(label="Most frequent words"),
    title="Words",
)

if __name__ == "__main__":
    app.launch()
