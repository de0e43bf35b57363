import streamlit as st

st.title("My first app")
st.write("Here is a paragraph")

number = st.slider("A number", 0, 10, 3)
st.write("The number is", number)
