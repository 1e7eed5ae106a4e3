"""`python -m tests.langchain_js` installs the packages of LangChain.js that the tests use."""

from tests.langchain_js import install

install()
