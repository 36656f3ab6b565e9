"""`llmkeys bootstrap status`: what became of the templates."""

import sys
from typing import Final

import click

from llmkeys.cli.bootstrap_events import events_about_input
from llmkeys.cli.bootstrap_input import Inputs
from llmkeys.cli.bootstrap_story import ShownStory, Stage, story_of
from llmkeys.cli.bootstrap_story_text import HEADS, facts_of, rows_of
from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.cli.output import print_data, print_facts, print_table, with_every_output
from llmkeys.engine.effects import ForbiddenError
from llmkeys.kube.bootstrap_objects import stories

_CODES: Final = {Stage.DONE: 0, Stage.WAITING: 3, Stage.UNDER_WAY: 3, Stage.NONE: 4}


@click.command()
@with_every_output
@at_place
def command(place: Place, output: str) -> None:
    """Tell the story: what was consumed when, what was created, what was not and why, what later edits were ignored.

    Exits with 0 if it is done; with 3 if it is asked for or under way; with 4 if there was none; with 1 if it cannot be
    read; with 2 if the command line is wrong.
    """
    story = place.run(_story)
    if output != "table":
        print_data(output, story)
    else:
        print_facts(facts_of(story))
        if rows := rows_of(story):
            click.echo()
            print_table(HEADS, rows)
    sys.exit(_CODES[story.stage])


async def _story(session: Session) -> ShownStory:
    objects = session.secrets.objects
    runs = await stories(objects)
    readable = True
    try:
        found = await Inputs(session.client, objects.namespace).read()
    except ForbiddenError:
        found, readable = None, False
    events = await events_about_input(session.client, objects.namespace)
    return story_of(objects.namespace, runs, found, events, readable=readable)
