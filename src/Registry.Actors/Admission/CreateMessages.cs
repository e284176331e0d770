using Akka.Actor;
using Akka.Event;
using Registry.Messages;

namespace Registry.Actors.Admission;

/// <summary>What the registry's actor hears about creates from within its node.</summary>
internal abstract record CreateMessage : INoSerializationVerificationNeeded, IDeadLetterSuppression;

/// <summary>A create whose caller may give up with <see cref="AbandonCreate"/>.</summary>
internal sealed record AskedCreate(CreateTube Command, CreateCall Call) : CreateMessage;

/// <summary>The caller gave up.</summary>
internal sealed record AbandonCreate(CreateCall Call) : CreateMessage;

/// <summary>A tube's word on how a create went.</summary>
internal sealed record CreateSettled(PendingCreate Create, RegistryReply Reply) : CreateMessage;

/// <summary>The conversation that a create made has ended; its request key means nothing any more.</summary>
internal sealed record CreateEnded(PendingCreate Create) : CreateMessage;

/// <summary>A create was not admitted or not answered in the time its asker gave.</summary>
internal sealed record CreateOverdue(PendingCreate Create) : CreateMessage;
