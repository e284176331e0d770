using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>
/// An admitted create: who waits for it and the place it holds. Answered once, by the tube or, when the tube died without a word,
/// by the registry. Used by one of them at a time.
/// </summary>
internal sealed class PendingCreate(CreateTube command, IActorRef asker, CreateAdmission admission, TimeSpan startedAt)
{
    private readonly List<IActorRef> askers = [asker];
    private int answered;

    public CreateTube Command { get; } = command;

    /// <summary>The reply everyone got, or null while there is none.</summary>
    public RegistryReply? Reply { get; private set; }

    /// <summary>A repeated request waits for the same reply, or has it at once.</summary>
    public void Join(IActorRef repeatedBy)
    {
        if (Reply is { } reply)
            repeatedBy.Tell(reply);
        else
            askers.Add(repeatedBy);
    }

    /// <summary>Answers everyone and gives the place back; does nothing when that was done.</summary>
    public void Answer(RegistryReply reply, TimeSpan now)
    {
        if (Interlocked.Exchange(ref answered, 1) != 0)
            return;
        Reply = reply;
        admission.Leave(now - startedAt, reply is TubeCreated);
        foreach (var waiting in askers)
            waiting.Tell(reply);
        askers.Clear();
    }
}
