using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Tracing;
using Registry.Actors.Tubes;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>How creates come in: checked, admitted at once or after a wait, handed to a tube, answered once.</summary>
public sealed partial class RegistryActor
{
    private readonly WaitingRoom waiting = new();
    private readonly Dictionary<(string? Owner, string Key), PendingCreate> requestKeys = [];
    private readonly Dictionary<IActorRef, HashSet<PendingCreate>> asking = [];
    private bool refusing;

    private void HandleCreateMessage(CreateMessage message)
    {
        switch (message)
        {
            case AskedCreate asked:
                Create(asked.Command, asked.Call);
                break;
            case CreateSettled settled:
                Settle(settled.Create, settled.Reply);
                ServeWaiting();
                break;
            case CreateEnded ended:
                ForgetKey(ended.Create);
                if (ended.Create.Reply is not null && tubes.TryGetValue(ended.Create.TubeId, out var child))
                    child.Creates.Remove(ended.Create);
                break;
            case AbandonCreate { Call: { Create: { } create, Asker: { } asker } }:
                Abandon(create, asker);
                break;
            case CreateOverdue overdue:
                Expire(overdue.Create);
                break;
        }
    }

    private void Create(CreateTube command, CreateCall? call)
    {
        if (CreateCheck.Find(command) is { } invalid)
        {
            Sender.Tell(invalid);
            return;
        }

        if (command.RequestKey is { } key && requestKeys.TryGetValue((command.Owner, key), out var same))
        {
            Repeat(same, command, call);
            return;
        }

        var admission = Spans.Start("registry.admit", command);
        // Asked past the typed calls, whose span all others are under.
        if (admission is not null && command.TraceParent is null)
            command = command with { TraceParent = admission.Id };
        var create = new PendingCreate(command, command.TubeId ?? TubeId.NewId(), node.Time.GetTimestamp()) { Admission = admission };
        if (TryAdmit(create) is not { } refused)
        {
            Take(create, call);
            Start(create);
        }
        else if (refused.Code == RefusalCode.Overloaded && command.MaxWait is { } wait && waiting.TryAdd(create, node.Admission.Limits.MaxWaiting, out var displaced))
        {
            create.WaitsFor = refused;
            Take(create, call);
            Timers.StartSingleTimer(create, new CreateOverdue(create), command.Timeout is { } timeout && timeout < wait ? timeout : wait);
            if (displaced is not null)
                Reject(displaced, refused);
            node.Admission.CountWaiting(waiting.Count);
        }
        else
        {
            create.Admission?.End(refused);
            CountRefusal(refused);
            Sender.Tell(refused);
        }
    }

    /// <summary>A place for the create, or why there is none.</summary>
    private Refused? TryAdmit(PendingCreate create)
    {
        var command = create.Command;
        if (node.Audit.Refusal is { } unrecorded)
            return unrecorded;
        // Looked at whenever there may be a place: the tube may have been made while the create waited.
        var live = tubes.GetValueOrDefault(create.TubeId);
        if (live is not null && command.Owner is not null && command.Owner != live.Owner)
            return NotFound(create.TubeId);
        // One that the named tube has may still lack a channel; the tube knows.
        if (node.Directory.TryGet(command.ConversationId, out var holder) && holder.TubeId != command.TubeId)
            return TubeActor.Exists(command.ConversationId, holder.TubeId);
        var refused = node.Admission.TryEnter(command.Owner, needsTube: live is null, out var place);
        create.Place = place;
        return refused;
    }

    // From here on the create is someone's: it will be answered, and ends when everyone who asked has gone.
    private void Take(PendingCreate create, CreateCall? call)
    {
        Join(create, call);
        if (create.Command.RequestKey is not null)
            requestKeys.Add(KeyOf(create), create);
    }

    private void Join(PendingCreate create, CreateCall? call)
    {
        // After the answer nobody's leaving matters: a repeat has shown that more than one caller relies on it.
        create.Askers.Add(create.Reply is null ? Sender : ActorRefs.Nobody);
        if (call is not null)
            (call.Create, call.Asker) = (create, Sender);
        if (create.Reply is not null)
            return;
        if (!asking.TryGetValue(Sender, out var creates))
        {
            asking.Add(Sender, creates = []);
            Context.Watch(Sender);
        }

        creates.Add(create);
    }

    private void Repeat(PendingCreate same, CreateTube command, CreateCall? call)
    {
        if (command.ConversationId != same.Command.ConversationId || command.Offer != same.Command.Offer)
        {
            Sender.Tell(new Refused(RefusalCode.InvalidRequest,
                $"requestKey belongs to a create with another conversation or offer, tube {same.TubeId}. Use a fresh key for each create.")
            { Key = "requestKey", TubeId = same.TubeId });
            return;
        }

        Join(same, call);
        if (same.Reply is { } reply)
            Sender.Tell(reply);
    }

    private void Start(PendingCreate create)
    {
        create.Admission?.AddTag("registry.waited", create.WaitsFor is not null).End(error: null);
        if (create.Command.Timeout is { } timeout)
            Timers.StartSingleTimer(create, new CreateOverdue(create), Positive(timeout - node.Time.GetElapsedTime(create.AskedAt)));
        if (tubes.TryGetValue(create.TubeId, out var live))
        {
            live.Actor.Tell(new OpenChannel(create));
        }
        else
        {
            live = new(Context.ActorOf(TubeActor.Props(node, create), create.TubeId.ToString()), create.Command.Owner);
            Context.WatchWith(live.Actor, new TubeStopped(create.TubeId, live.Actor));
            tubes.Add(create.TubeId, live);
        }

        live.Creates.Add(create);
    }

    private void ServeWaiting()
    {
        while (TryServeOne())
            continue;
        node.Admission.CountWaiting(waiting.Count);
        // Not at the limit itself, or a node that works at its limit would log each create.
        if (refusing && node.Admission.Read() is { CanAcceptMore: true, LoadPercentage: <= 90 })
        {
            refusing = false;
            log.Info("Accepting creates again");
        }
    }

    // An owner whose next create needs a tube that there is no place for lets those pass that need only a channel.
    private bool TryServeOne()
    {
        foreach (var head in waiting.Heads)
        {
            var refused = TryAdmit(head);
            if (refused?.Code == RefusalCode.Overloaded)
            {
                if (node.Admission.IsFull)
                    return false;
                continue;
            }

            waiting.Take(head);
            Timers.Cancel(head);
            if (refused is null)
                Start(head);
            else
                Reject(head, refused);
            return true;
        }

        return false;
    }

    /// <summary>A create that was admitted has its answer.</summary>
    private void Settle(PendingCreate create, RegistryReply reply)
    {
        if (create.Reply is not null)
            return;
        var taken = node.Admission.Leave(create.Place!, reply is TubeCreated);
        node.Metrics.CreateEnded((reply as Refused)?.Code, taken);
        if (reply is Refused && tubes.TryGetValue(create.TubeId, out var child))
            child.Creates.Remove(create);
        Answer(create, reply);
    }

    /// <summary>A create is refused that was not admitted.</summary>
    private void Reject(PendingCreate create, Refused refused)
    {
        create.Admission?.End(refused);
        CountRefusal(refused);
        Answer(create, refused);
    }

    private void Answer(PendingCreate create, RegistryReply reply)
    {
        create.Reply = reply;
        Timers.Cancel(create);
        foreach (var asker in create.Askers)
        {
            asker.Tell(reply);
            StopWatching(asker, create);
        }

        if (reply is Refused)
            ForgetKey(create);
    }

    private void StopWatching(IActorRef asker, PendingCreate create)
    {
        if (!asking.TryGetValue(asker, out var creates) || !creates.Remove(create) || creates.Count > 0)
            return;
        asking.Remove(asker);
        Context.Unwatch(asker);
    }

    // A later create may have taken the key already.
    private void ForgetKey(PendingCreate create)
    {
        if (create.Command.RequestKey is not null && requestKeys.GetValueOrDefault(KeyOf(create)) == create)
            requestKeys.Remove(KeyOf(create));
    }

    private void AskerEnded(IActorRef asker)
    {
        if (asking.TryGetValue(asker, out var creates))
            foreach (var create in creates.ToArray())
                Abandon(create, asker);
    }

    private void Abandon(PendingCreate create, IActorRef asker)
    {
        StopWatching(asker, create);
        if (create.Askers.Remove(asker) && create.Askers.Count == 0)
            Cancel(create, new(RefusalCode.CreateCancelled, "The create was cancelled because its asker gave up."));
    }

    // An answer that found no one: a create without a key is nobody's then; with one its asker is expected to ask again.
    private void CancelUndelivered(TubeCreated created, DeadLetter letter)
    {
        var create = tubes.GetValueOrDefault(created.TubeId)?.Creates.FirstOrDefault(c => c.Command.ConversationId == created.ConversationId);
        if (create is not { Command.RequestKey: null })
            return;
        // Told by this actor to one that is gone, or handed on by an Ask whose time was over; not what an application does with its copy.
        var asker = letter.Sender.Equals(Self) ? letter.Recipient : letter.Recipient.Equals(Context.System.DeadLetters) ? letter.Sender : ActorRefs.Nobody;
        if (create.Askers.Contains(asker))
            Cancel(create, new(RefusalCode.CreateCancelled, "The answer to the create reached nobody."));
    }

    private void Expire(PendingCreate create)
    {
        if (create.Reply is not null)
            return;
        var command = create.Command;
        Cancel(create, create.Place is null
            ? create.WaitsFor! with { Message = $"No place became free while the create waited. {create.WaitsFor.Message}", ActiveCreates = node.Admission.Read().ActiveCreates }
            : new(RefusalCode.CreateTimeout, $"The create did not finish within {command.Timeout!.Value.TotalSeconds:0.###} s, the time its asker gave. Try again.") { TubeId = create.TubeId });
    }

    /// <summary>Ends a create wherever it is; what it made goes with it.</summary>
    private void Cancel(PendingCreate create, Refused why)
    {
        if (waiting.Remove(create))
        {
            node.Admission.CountWaiting(waiting.Count);
            Reject(create, why);
        }
        else if (create.Reply is not Refused && tubes.TryGetValue(create.TubeId, out var child))
        {
            child.Actor.Tell(new CancelCreate(create, why));
        }
    }

    private void Change(ChangeLimits change)
    {
        var (limits, refused) = Check(change, node.Admission.Limits);
        if (refused is not null)
        {
            Sender.Tell(refused);
            return;
        }

        node.Admission.Limits = limits;
        log.Info(
            "Limits changed: max concurrent creates: {MaxConcurrentCreates}, max tubes: {MaxTubes}, per owner: {MaxTubesPerOwner}, max waiting: {MaxWaiting}",
            limits.MaxConcurrentCreates, limits.MaxTubes, limits.MaxTubesPerOwner, limits.MaxWaiting);
        ServeWaiting();
        Sender.Tell(new CapacityRead(node.Admission.Read()));
    }

    private static (RegistryLimits Limits, Refused? Refused) Check(ChangeLimits change, RegistryLimits now)
    {
        var refused = TooSmall(change.MaxConcurrentCreates, 1, "maxConcurrentCreates") ?? TooSmall(change.MaxTubes, 1, "maxTubes")
            ?? TooSmall(change.MaxTubesPerOwner, 0, "maxTubesPerOwner") ?? TooSmall(change.MaxWaiting, 0, "maxWaiting");
        return (new(
            change.MaxConcurrentCreates ?? now.MaxConcurrentCreates,
            change.MaxTubes ?? now.MaxTubes,
            change.MaxTubesPerOwner ?? now.MaxTubesPerOwner,
            change.MaxWaiting ?? now.MaxWaiting), refused);
    }

    private static Refused? TooSmall(int? value, int least, string key) =>
        value < least ? new(RefusalCode.InvalidRequest, $"{key} is {value}; it must be at least {least}.") { Key = key } : null;

    // One line at the crossing; the counters tell how many followed.
    private void CountRefusal(Refused refused)
    {
        node.Metrics.Refused(refused.Code);
        if (refused.Code == RefusalCode.AuditUnavailable)
            node.Audit.CountRefused();
        if (refused.Code is not (RefusalCode.Overloaded or RefusalCode.OwnerLimit))
            return;
        node.Admission.CountRejected();
        if (refusing || refused.Code != RefusalCode.Overloaded)
            return;
        refusing = true;
        log.Warning("Refusing creates: {Message}", refused.Message);
    }

    private static TimeSpan Positive(TimeSpan span) => span > TimeSpan.Zero ? span : TimeSpan.FromTicks(1);

    private static (string? Owner, string Key) KeyOf(PendingCreate create) => (create.Command.Owner, create.Command.RequestKey!);
}
