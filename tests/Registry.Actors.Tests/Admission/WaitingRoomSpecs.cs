using CsCheck;
using Registry.Actors.Admission;
using Registry.Messages;

namespace Registry.Actors.Tests.Admission;

public sealed class WaitingRoomSpecs
{
    [Fact]
    public void Owners_take_turns_whatever_the_order_they_came_in()
    {
        var room = new WaitingRoom();
        foreach (var owner in "AAAAABBC")
            room.TryAdd(Of(owner), 10, out _).ShouldBeTrue();

        Drain(room).ShouldBe("ABCABAAA");
    }

    [Fact]
    public void A_full_room_takes_from_the_longest_line_for_an_owner_with_a_shorter_one()
    {
        var room = new WaitingRoom();
        for (var i = 0; i < 10; i++)
            room.TryAdd(Of('A'), 10, out _).ShouldBeTrue();

        room.TryAdd(Of('A'), 10, out _).ShouldBeFalse();
        for (var i = 0; i < 5; i++)
        {
            room.TryAdd(Of('B'), 10, out var displaced).ShouldBeTrue();
            displaced!.Command.Owner.ShouldBe("A");
        }

        room.TryAdd(Of('B'), 10, out _).ShouldBeFalse();
        Drain(room).ShouldBe("ABABABABAB");
    }

    [Fact]
    public void Within_a_line_the_first_comes_first_and_the_youngest_is_displaced()
    {
        var room = new WaitingRoom();
        var (a, b) = (Of('A'), Of('A'));
        room.TryAdd(a, 2, out _);
        room.TryAdd(b, 2, out _);

        room.TryAdd(Of('B'), 2, out var displaced).ShouldBeTrue();

        displaced.ShouldBe(b);
        room.Heads.First().ShouldBe(a);
    }

    [Fact]
    public void A_room_of_none_takes_nobody()
    {
        var room = new WaitingRoom();

        room.TryAdd(Of('A'), 0, out _).ShouldBeFalse();

        room.Heads.ShouldBeEmpty();
    }

    /// <summary>Against the plainest model: whatever comes, goes and is served, nobody is lost or served twice, and no owner is served while another that waits longer has had fewer turns.</summary>
    [Fact]
    public void Nobody_is_lost_and_no_owner_waits_out_another_s_line() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 4]).Array[0, 200].Sample(steps =>
        {
            const int capacity = 12;
            var room = new WaitingRoom();
            var present = new List<PendingCreate>();
            var servedSince = new Dictionary<string, int>(); // of the owners in the room: turns of the others since their last one
            foreach (var (what, owner) in steps)
            {
                if (what < 6)
                {
                    var create = Of((char)('A' + owner));
                    if (!room.TryAdd(create, capacity, out var displaced))
                    {
                        present.Count.ShouldBe(capacity);
                        continue;
                    }

                    if (displaced is not null)
                        present.Remove(displaced).ShouldBeTrue();
                    present.Add(create);
                    servedSince.TryAdd(create.Command.Owner!, 0);
                }
                else if (what < 8 && room.Heads.FirstOrDefault() is { } next)
                {
                    present.Remove(next).ShouldBeTrue();
                    room.Take(next);
                    foreach (var other in servedSince.Keys.ToArray())
                        servedSince[other]++;
                    servedSince[next.Command.Owner!] = 0;
                }
                else if (present.Count > 0)
                {
                    var leaver = present[owner % present.Count];
                    room.Remove(leaver).ShouldBeTrue();
                    room.Remove(leaver).ShouldBeFalse();
                    present.Remove(leaver);
                }

                foreach (var gone in servedSince.Keys.Except(present.Select(c => c.Command.Owner!)).ToArray())
                    servedSince.Remove(gone);
                // Five owners: after four turns of others it is one's own.
                servedSince.Values.ShouldAllBe(turns => turns <= 5);
                room.Count.ShouldBe(present.Count);
                room.Count.ShouldBeLessThanOrEqualTo(capacity);
                room.All.ShouldBe(present, ignoreOrder: true);
            }
        });

    private static PendingCreate Of(char owner) => new(new CreateTube(new("c"), new EchoSettings()) { Owner = owner.ToString() }, TubeId.NewId(), 0);

    private static string Drain(WaitingRoom room)
    {
        var order = "";
        while (room.Heads.FirstOrDefault() is { } next)
        {
            order += next.Command.Owner;
            room.Take(next);
        }

        room.Count.ShouldBe(0);
        return order;
    }
}
