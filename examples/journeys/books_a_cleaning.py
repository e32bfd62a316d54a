"""An AI intake agent, tried the way a patient uses it: ask for an appointment, then look whether it is really there.

Try it against the clinic that comes with showup:

    showup test northside-intake/books-a-cleaning-in-python
"""

from probes import Context, probe


# The docstring is the sentence on the page. Without a name the function's counts, which the twin in showup.yaml has.
@probe(workflow="northside-intake", every="5m", name="books-a-cleaning-in-python")
async def books_a_cleaning(ctx: Context) -> None:
    """A patient who asks for a cleaning is booked at the time they asked for."""
    who, day = f"Test {ctx.run_id}", ctx.date("+30d")
    ctx.cleanup(
        ctx.http.delete, "/appointments", params={"name": who}
    )  # registered before the act, runs whatever happens
    async with ctx.step("ask", budget="4s"):
        ctx.check(await ctx.ask(f"A cleaning on {day} at 10, please. I am {who}")).contains("booked")
    async with ctx.step("booked", budget="2s"):
        found = await ctx.http.get("/calendar", params={"name": who})
        ctx.check(found.json("$.appointments[0].time")).equals("10:00")  # absent: a failed check, not an exception
