using Registry.Messages;

namespace Registry.Actors;

/// <summary>
/// The registry as typed asynchronous calls. Refusals are values; an exception means that the registry did not answer in time
/// (<see cref="TimeoutException"/>), that the caller cancelled, or a bug.
/// </summary>
public interface ITubeRegistry
{
    /// <summary>What can be read without asking.</summary>
    ITubeDirectory Directory { get; }

    /// <summary>The registry's load at this moment, read without its mailbox.</summary>
    RegistryCapacity Capacity { get; }

    /// <summary>The node's name, as replies carry it.</summary>
    string Node { get; }

    /// <summary>
    /// Makes a tube, or opens one more channel on a live one. When the call is cancelled or times out, so is the create, and what it
    /// made is closed again.
    /// </summary>
    /// <returns><see cref="TubeCreated"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> CreateAsync(CreateTube command, CancellationToken cancellationToken = default);

    /// <summary>Gives a tube the peer's description.</summary>
    /// <returns><see cref="Done"/>, <see cref="DescriptionMade"/> with the answer to an offer, or <see cref="Refused"/>.</returns>
    Task<RegistryReply> SetRemoteDescriptionAsync(SetRemoteDescription command, CancellationToken cancellationToken = default);

    /// <summary>Restarts ICE on a tube that was connected.</summary>
    /// <returns><see cref="DescriptionMade"/> with the offer, or <see cref="Refused"/>.</returns>
    Task<RegistryReply> RestartIceAsync(RestartIce command, CancellationToken cancellationToken = default);

    /// <summary>Gives a tube candidates of the peer.</summary>
    /// <returns><see cref="Done"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> AddCandidatesAsync(AddCandidates command, CancellationToken cancellationToken = default);

    /// <summary>Closes a tube and waits until everything of it was released.</summary>
    /// <returns><see cref="Done"/>, also when it was closed before, or <see cref="Refused"/>.</returns>
    Task<RegistryReply> CloseTubeAsync(CloseTube command, CancellationToken cancellationToken = default);

    /// <summary>Closes a conversation's channel; its tube stays.</summary>
    /// <returns><see cref="Done"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> CloseConversationAsync(CloseConversation command, CancellationToken cancellationToken = default);

    /// <summary>Makes a further conversation findable under a tube.</summary>
    /// <returns><see cref="Done"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> AssociateAsync(AssociateConversation command, CancellationToken cancellationToken = default);

    /// <summary>What is known of a tube, also for a while after its end.</summary>
    /// <returns><see cref="TubeFound"/> or <see cref="Refused"/>.</returns>
    ValueTask<RegistryReply> FindTubeAsync(TubeId tubeId, CancellationToken cancellationToken = default);

    /// <summary>The statistics of a live tube of any node.</summary>
    /// <returns><see cref="StatisticsRead"/> or <see cref="Refused"/>.</returns>
    ValueTask<RegistryReply> ReadStatisticsAsync(TubeId tubeId, CancellationToken cancellationToken = default);

    /// <summary>The tube that carries a conversation.</summary>
    /// <returns><see cref="TubeFound"/> or <see cref="Refused"/>.</returns>
    ValueTask<RegistryReply> FindConversationAsync(ConversationId conversationId, CancellationToken cancellationToken = default);

    /// <summary>A page of the live tubes that match, or of the closed ones when that is the state asked for, in the order of their ids; in a cluster those of all nodes.</summary>
    /// <returns><see cref="TubesRead"/> or <see cref="Refused"/>.</returns>
    ValueTask<RegistryReply> ListTubesAsync(TubeQuery query, CancellationToken cancellationToken = default);

    /// <summary>The nodes of the cluster, in the order of their names; this one alone when it is in none.</summary>
    IReadOnlyList<NodeSnapshot> Nodes { get; }

    /// <summary>
    /// The tube's signals, the kept ones after <paramref name="afterSequence"/> first; ends after <see cref="TubeClosed"/>, and at once when there is no such
    /// tube. A reader that is slower than the tube gets a <see cref="SignalsMissed"/> in place of what the bounded buffer no longer holds. Works for a
    /// while after the close. When the tube's node is lost, its channels and the tube are reported closed as <see cref="CloseReason.ConnectionLost"/>.
    /// </summary>
    /// <param name="tubeId">The tube.</param>
    /// <param name="afterSequence">The last signal the reader has; 0 for all.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    IAsyncEnumerable<TubeSignal> Signals(TubeId tubeId, long afterSequence = 0, CancellationToken cancellationToken = default);

    /// <summary>
    /// What happens to the tubes, in a cluster those of all nodes, without end: every live tube of a node first, unless all its changes after
    /// <paramref name="after"/> are still kept. A watcher that falls too far behind is told every tube again.
    /// </summary>
    /// <param name="after">Where the watcher stands (<see cref="RegistryEvent.Position"/>); null for nowhere.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    IAsyncEnumerable<RegistryEvent> WatchAsync(string? after = null, CancellationToken cancellationToken = default);

    /// <summary>Changes the node's limits until it stops.</summary>
    /// <returns><see cref="CapacityRead"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> ChangeLimitsAsync(ChangeLimits command, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes this node out of service: tells the tubes' clients to move, and closes what is left at the deadline or when few enough are left. Returns at
    /// once; <see cref="Capacity"/> says how many there are.
    /// </summary>
    /// <returns><see cref="CapacityRead"/> or <see cref="Refused"/>.</returns>
    Task<RegistryReply> DrainAsync(DrainNode command, CancellationToken cancellationToken = default);

    /// <summary>Puts this node back into service.</summary>
    /// <returns><see cref="CapacityRead"/> or, when it stops, <see cref="Refused"/>.</returns>
    Task<RegistryReply> ResumeAsync(CancellationToken cancellationToken = default);

    /// <summary>Takes a node of the cluster out of service, as <see cref="DrainAsync(DrainNode, CancellationToken)"/> does with this one.</summary>
    /// <returns><see cref="CapacityRead"/> of that node or <see cref="Refused"/>.</returns>
    Task<RegistryReply> DrainAsync(string name, DrainNode command, CancellationToken cancellationToken = default);

    /// <summary>Puts a node of the cluster back into service.</summary>
    /// <returns><see cref="CapacityRead"/> of that node or, when it stops or there is none of this name, <see cref="Refused"/>.</returns>
    Task<RegistryReply> ResumeAsync(string name, CancellationToken cancellationToken = default);
}
