using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Tubes;

/// <summary>How long a tube may be idle and how old it may become.</summary>
internal sealed partial class TubeActor
{
    private const string IdleTimer = "idle";
    private const string AgeTimer = "age";

    private long readySince; // timestamp of the last channel that opened; 0 before the first

    private TimeSpan? IdleTimeout => Least(first.Command.IdleTimeout, limits.IdleTimeout);

    private TimeSpan? MaxAge => Least(first.Command.MaxAge, limits.MaxAge);

    private void LimitAge()
    {
        if (MaxAge is { } most)
            Timers.StartSingleTimer(AgeTimer, AgeReached.Instance, most);
    }

    // Before a channel is open the deadlines of the states hold; a channel that opens is a use of the tube.
    private void LimitIdleness()
    {
        readySince = node.Time.GetTimestamp();
        if (IdleTimeout is { } most)
            Timers.StartSingleTimer(IdleTimer, IdleCheck.Instance, most);
    }

    private void CheckIdle()
    {
        var most = IdleTimeout!.Value;
        var idle = node.Time.GetElapsedTime(Math.Max(readySince, Math.Max(users.SentAt, users.ReceivedAt)));
        if (idle < most)
            Timers.StartSingleTimer(IdleTimer, IdleCheck.Instance, most - idle);
        else
            EndByLimit(CloseReason.IdleTimeout, $"No user bytes went either way for {most.TotalSeconds:0.###} s.");
    }

    private void EndByLimit(CloseReason reason, string text)
    {
        refusal ??= new(RefusalCode.CreateFailed, text) { TubeId = id };
        BeginClose(new(id, reason, text));
    }

    private static TimeSpan? Least(TimeSpan? a, TimeSpan? b) => a is null || b < a ? b ?? a : a;
}
