"""What a memory derives, shown and steered: summary, entities, pins."""
