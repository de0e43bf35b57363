from flask import Blueprint, render_template

bp = Blueprint("blog", __name__)


@bp.route("/")
def index():
    """Show all the posts, most recent first."""
    return render_template("blog/index.html", posts=[{"title": "A post", "body": "Its text"}])
