using System.Diagnostics;
using Akka.Actor;
using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>
/// A create on its way: who waits for it and what became of it. The registry's actor alone changes it and answers; a tube knows it by
/// reference and reports how it went.
/// </summary>
/// <param name="command">What was asked.</param>
/// <param name="tubeId">The tube it makes, or the live one it opens a channel on.</param>
/// <param name="askedAt">Timestamp of the asking.</param>
internal sealed class PendingCreate(CreateTube command, TubeId tubeId, long askedAt)
{
    public CreateTube Command { get; } = command;

    public TubeId TubeId { get; } = tubeId;

    public long AskedAt { get; } = askedAt;

    /// <summary>The place it holds among the creates in flight, or null while it waits.</summary>
    public LinkedListNode<long>? Place { get; set; }

    /// <summary>Why it was not admitted at once, or null when it was.</summary>
    public Refused? WaitsFor { get; set; }

    /// <summary>The span of its admission; null when nobody wants it.</summary>
    public Activity? Admission { get; init; }

    /// <summary>What everyone was answered, or null while there is no answer.</summary>
    public RegistryReply? Reply { get; set; }

    /// <summary>Who asked for it and did not give up.</summary>
    public HashSet<IActorRef> Askers { get; } = [];
}

/// <summary>One call of the typed facade, so that the caller can give up exactly what it asked for.</summary>
internal sealed class CreateCall
{
    /// <summary>The create that serves the call; null when it was refused at once.</summary>
    public PendingCreate? Create { get; set; }

    /// <summary>Who is answered.</summary>
    public IActorRef? Asker { get; set; }
}
