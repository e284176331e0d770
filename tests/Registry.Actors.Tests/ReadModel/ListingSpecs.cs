using Akka.Actor;
using CsCheck;
using Registry.Actors.ReadModel;
using Registry.Messages;

namespace Registry.Actors.Tests.ReadModel;

public sealed class ListingSpecs
{
    private readonly TubeDirectory directory = new(10);

    [Fact]
    public void Text_is_found_in_the_tube_s_id_and_in_its_conversations_ids()
    {
        Add("alpha", conversations: ["one", "Two"]);
        Add("beta", conversations: ["three"]);

        Ids(new() { Text = "LPH" }).ShouldBe(["alpha"]);
        Ids(new() { Text = "two" }).ShouldBe(["alpha"]);
        Ids(new() { Text = "t" }).ShouldBe(["alpha", "beta"]);
        Ids(new() { Text = "" }).ShouldBe(["alpha", "beta"]);
        Ids(new() { Text = "four" }).ShouldBeEmpty();
    }

    [Fact]
    public void State_and_owner_narrow_the_list()
    {
        Add("a", "alice", TubeState.Ready);
        Add("b", "bob", TubeState.Ready);
        Add("c", "alice", TubeState.Connecting);

        Ids(new() { Owner = "alice" }).ShouldBe(["a", "c"]);
        Ids(new() { State = TubeState.Ready }).ShouldBe(["a", "b"]);
        Ids(new() { Owner = "alice", State = TubeState.Ready, Text = "a" }).ShouldBe(["a"]);
    }

    [Fact]
    public void Those_that_ended_not_long_ago_are_listed_when_asked_for()
    {
        Add("a", "alice", TubeState.Ready);
        foreach (var id in new[] { "c", "b" })
        {
            var ended = Entry(id);
            ended.Snapshot = ended.Snapshot with { Owner = "alice", State = TubeState.Closed };
            directory.Add(ended);
            directory.Remove(ended);
        }

        Ids(new() { State = TubeState.Closed }).ShouldBe(["b", "c"]);
        Ids(new() { State = TubeState.Closed, Owner = "bob" }).ShouldBeEmpty();
        directory.List(new TubeQuery { State = TubeState.Closed, Limit = 1 }).NextCursor.ShouldBe(new TubeId("b"));
        Ids(new()).ShouldBe(["a"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1001)]
    public void A_page_has_a_size(int limit) => Should.Throw<ArgumentOutOfRangeException>(() => directory.List(new TubeQuery { Limit = limit }));

    [Fact]
    public void An_exact_page_has_no_next()
    {
        Add("a");
        Add("b");

        directory.List(new TubeQuery { Limit = 2 }).NextCursor.ShouldBeNull();
        directory.List(new TubeQuery { Limit = 1 }).NextCursor.ShouldBe(new TubeId("a"));
    }

    /// <summary>However tubes come and go between the pages, each one that lives throughout is listed once.</summary>
    [Fact]
    public void Pages_stay_in_step_while_tubes_come_and_go() =>
        Gen.Select(Gen.Int[0, 60], Gen.Int[1, 7], Gen.Int[0, 99].Array[0, 60]).Sample((count, limit, changes) =>
        {
            var changing = new TubeDirectory(10);
            var staying = Enumerable.Range(0, count).Select(i => $"s{i:00}").ToList();
            foreach (var id in staying)
                changing.Add(Entry(id));
            var coming = new Dictionary<string, TubeEntry>();
            var change = 0;
            var seen = new List<string>();
            var query = new TubeQuery { Limit = limit };
            TubePage page;
            do
            {
                page = changing.List(query);
                page.Items.Length.ShouldBeLessThanOrEqualTo(limit);
                seen.AddRange(page.Items.Select(t => t.TubeId.ToString()));
                query = query with { Cursor = page.NextCursor };
                for (var i = 0; i < 5 && change < changes.Length; i++)
                {
                    var id = $"{"rstx"[changes[change] % 4]}{changes[change++]:00}x";
                    if (coming.Remove(id, out var entry))
                        changing.Remove(entry);
                    else
                        changing.Add(coming[id] = Entry(id));
                }
            }
            while (page.NextCursor is not null);

            seen.ShouldBe(seen.Distinct().Order(StringComparer.Ordinal));
            seen.Where(id => !id.EndsWith('x')).ShouldBe(staying);
        });

    private void Add(string id, string? owner = null, TubeState state = TubeState.Ready, params string[] conversations)
    {
        var entry = Entry(id);
        entry.Snapshot = entry.Snapshot with { Owner = owner, State = state, Conversations = [.. conversations.Select(c => new ConversationSnapshot(new(c), "echo", true))] };
        directory.Add(entry);
    }

    private static TubeEntry Entry(string id) => new(Nobody.Instance, new(new(id), "here", TubeState.Ready), new(new(id), 16), new(TimeProvider.System));

    private string[] Ids(TubeQuery query) => [.. directory.List(query).Items.Select(t => t.TubeId.ToString())];
}
