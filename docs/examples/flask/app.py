"""A guest book with Flask; the entries live as long as the process."""

from flask import Flask, redirect, render_template, request, url_for

app = Flask(__name__)
entries = ["The first entry"]


@app.get("/")
def index():
    return render_template("index.html", entries=entries)


@app.post("/")
def sign():
    text = request.form["text"].strip()
    if text:
        entries.append(text[:200])
    return redirect(url_for("index"))


@app.get("/api/entries")
def list_entries():
    return {"entries": entries}
