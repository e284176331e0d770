using Akka.Actor;
using Registry.Actors.ReadModel;
using Registry.Messages;

namespace Registry.Actors.Tests.ReadModel;

public sealed class TubeDirectorySpecs
{
    private const int Tubes = 50_000;

    [Fact]
    public async Task A_tube_that_ends_is_found_at_every_moment()
    {
        var directory = new TubeDirectory(closedKept: Tubes);
        var current = Entry(0);
        directory.Add(current);
        using var stop = new CancellationTokenSource();
        var reading = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                var tube = Volatile.Read(ref current).TubeId;
                directory.SignalsOf(tube).ShouldNotBeNull();
                (directory.TryGet(tube, out _) || directory.TryGetClosed(tube, out _)).ShouldBeTrue();
            }
        });

        for (var number = 1; number < Tubes && !reading.IsCompleted; number++)
        {
            var (ending, next) = (current, Entry(number));
            directory.Add(next);
            directory.Remove(ending);
            Volatile.Write(ref current, next);
        }

        await stop.CancelAsync();
        await reading;
        directory.Count.ShouldBe(1);
    }

    [Fact]
    public void A_default_id_finds_nothing_and_breaks_nothing()
    {
        var directory = new TubeDirectory(closedKept: 1);
        var entry = Entry(0);
        directory.Add(entry);
        directory.Claim(default, entry).ShouldBe(entry);
        directory.TryGet(default(TubeId), out _).ShouldBeFalse();
        directory.Claims.ShouldHaveSingleItem().ShouldBe((default, entry));
        directory.Release(default, entry);
        directory.Claims.ShouldBeEmpty();
    }

    private static TubeEntry Entry(int number)
    {
        var id = new TubeId($"tube-{number}");
        return new(ActorRefs.Nobody, new(id, "here", TubeState.New), new(id, capacity: 1), new(TimeProvider.System));
    }
}
