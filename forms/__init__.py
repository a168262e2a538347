"""The form language: reading XLSForms, expressions, instances, entities, and the shipped library."""
