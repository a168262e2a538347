"""检查表单、试算表达式:form check|eval|play · check forms, evaluate expressions"""

from forms.cli import main

__all__ = ["main"]
