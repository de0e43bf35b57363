//! The dependency key: what decides the image that holds a project's dependencies.
