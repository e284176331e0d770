using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>How the node goes out of service: no create is admitted, clients are told to move, and what is left is closed.</summary>
public sealed partial class RegistryActor
{
    private readonly List<IActorRef> stoppers = [];
    private Draining? draining;
    private bool stopping;

    private void Drain(DrainNode command)
    {
        var refused = stopping ? Stopping()
            : CreateCheck.WrongTime(command.Deadline, DrainNode.LongestDeadline, "deadline") ?? TooSmall(command.UntilAtMost, 0, "untilAtMost");
        // Who does not say until when joins a drain that runs.
        if (refused is null)
            BeginDrain(command.Deadline is null && draining is { } running ? running.Deadline : node.Time.GetUtcNow() + (command.Deadline ?? node.Settings.DrainDeadline), command.UntilAtMost);
        Sender.Tell(refused is null ? new CapacityRead(node.Admission.Read()) : refused);
    }

    private void Resume()
    {
        if (stopping)
        {
            Sender.Tell(Stopping());
            return;
        }

        if (draining is not null)
            log.Info("Back in service, tubes: {Tubes}", tubes.Count);
        draining = null;
        Timers.Cancel(DrainExpired.Instance);
        node.Admission.Resume();
        Sender.Tell(new CapacityRead(node.Admission.Read()));
    }

    // The short form, from which there is no way back. Clients that cannot be given time are told by the close itself.
    private void Stop(StopNode stop)
    {
        stopping = true;
        stoppers.Add(Sender);
        if (stop.HasTime && node.Settings.StopDeadline is { } deadline)
        {
            BeginDrain(node.Time.GetUtcNow() + deadline, untilAtMost: 0);
            CloseUnconnected();
            return;
        }

        draining ??= new(0, node.Time.GetUtcNow());
        node.Admission.Drain(draining.Deadline);
        ServeWaiting();
        CloseRest();
    }

    // Whoever has no connection yet loses nothing by making one elsewhere.
    private void CloseUnconnected()
    {
        foreach (var (id, tube) in tubes)
            if (node.Directory.TryGet(id, out var snapshot) && snapshot.State == TubeState.Connecting)
                tube.Actor.Tell(new CloseTube(id, CloseReason.NodeStopped));
    }

    private void BeginDrain(DateTimeOffset deadline, int untilAtMost)
    {
        if (tubes.Count > 0)
            log.Info("Draining until {Deadline:yyyy-MM-ddTHH:mm:ssZ} or until at most {UntilAtMost} are left, tubes: {Tubes}", deadline, untilAtMost, tubes.Count);
        if (draining?.Deadline != deadline)
            foreach (var tube in tubes.Values)
                tube.Actor.Tell(new AnnounceDrain(deadline));
        draining = new(untilAtMost, deadline);
        node.Admission.Drain(deadline);
        ServeWaiting(); // each of them is told
        var left = deadline - node.Time.GetUtcNow();
        Timers.StartSingleTimer(DrainExpired.Instance, DrainExpired.Instance, left > TimeSpan.Zero ? left : TimeSpan.Zero);
        GoOnDraining();
    }

    private void GoOnDraining()
    {
        if (draining is { IsClosing: false } && tubes.Count <= draining.UntilAtMost)
            CloseRest();
        if (tubes.Count > 0)
            return;
        foreach (var stopper in stoppers)
            stopper.Tell(Done.Instance);
        stoppers.Clear();
    }

    private void CloseRest()
    {
        draining!.IsClosing = true;
        Timers.Cancel(DrainExpired.Instance);
        if (tubes.Count > 0)
            log.Info("Drained; closing what is left, tubes: {Tubes}", tubes.Count);
        foreach (var (id, tube) in tubes)
            tube.Actor.Tell(new CloseTube(id, CloseReason.NodeStopped, stopping ? null : "The node goes out of service, and the time to move was over."));
        GoOnDraining();
    }

    private static Refused Stopping() => new(RefusalCode.Draining, "This node is stopping, and cannot be put back: start it again once it has ended.");

    /// <summary>A drain under way.</summary>
    private sealed record Draining(int UntilAtMost, DateTimeOffset Deadline)
    {
        /// <summary>Whether what was left is being closed or is gone.</summary>
        public bool IsClosing { get; set; }
    }

    private sealed record DrainExpired : INoSerializationVerificationNeeded
    {
        public static readonly DrainExpired Instance = new();
    }
}

/// <summary>The node stops: drain it within the setting's time and answer <see cref="Done"/> when no tube is left.</summary>
/// <param name="HasTime">Whether clients are given that time; otherwise the tubes are closed at once.</param>
internal sealed record StopNode(bool HasTime) : INoSerializationVerificationNeeded;
