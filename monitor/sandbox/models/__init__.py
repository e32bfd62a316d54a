"""A local model provider: every dialect on the wire, answers by rule, and every way a model fails."""

from monitor.sandbox.models.answers import Answer, Ask, ModelRefused, Rule, repeat_question
from monitor.sandbox.models.openai import OpenAIChat
from monitor.sandbox.models.server import ModelServer

__all__ = ["Answer", "Ask", "ModelRefused", "ModelServer", "OpenAIChat", "Rule", "repeat_question"]
