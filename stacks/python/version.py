"""Says where a project asks for another Python than the image has: `version.py <range> <file>`."""

import sys


def main():
    asked, file = sys.argv[1:3]
    try:
        from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet
    except ImportError:
        return
    own = "{}.{}.{}".format(*sys.version_info[:3])
    try:
        fits = SpecifierSet(asked).contains(own, prereleases=True)
    except InvalidSpecifier:
        return
    if not fits:
        print(f"previewd: warning: {file} asks for Python {asked}, and the image has {own}; PREVIEW_PYTHON_IMAGE names another", flush=True)


if __name__ == "__main__":
    main()
