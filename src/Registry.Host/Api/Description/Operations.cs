using Microsoft.OpenApi;
using Registry.Actors.Audit;
using Registry.Host.Audit;
using Registry.Messages;

namespace Registry.Host.Api.Description;

/// <summary>What the document says of each call.</summary>
internal static class Operations
{
    public const string Tubes = "tubes";
    public const string Signalling = "signalling";
    public const string Conversations = "conversations";
    public const string Events = "events";
    public const string Node = "node";
    public const string Audit = "audit";

    /// <summary>The groups, in their order.</summary>
    public static readonly (string Tag, string Text)[] Tags =
    [
        (Tubes, "Make, find, list and close tubes."),
        (Signalling, "Descriptions, candidates and signals between the gateway and a tube's peer."),
        (Conversations, "What a tube carries."),
        (Events, "Everything that happens, as server-sent events."),
        (Node, "Load, limits, service and health of the nodes."),
        (Audit, "What was recorded of tubes and connections."),
    ];

    private static readonly ArgumentDescription tubeId = new("tubeId", "The tube.", Examples.TubeId, Id, ParameterLocation.Path);
    private static readonly ArgumentDescription node = new("node", "The node's name.", Examples.Node, () => new() { Type = JsonSchemaType.String }, ParameterLocation.Path);
    private static readonly ArgumentDescription conversationId = new("conversationId", "The conversation, percent-encoded.", Examples.Conversation, () => Text(ConversationId.MaxLength), ParameterLocation.Path);
    private static readonly ArgumentDescription reason = new("reason",
        "Why, as name or number: Client (5) or Normal (0); of an operator also AdminClosed (12) or AIClosed (15). Left out, it is AdminClosed for operators and Client for others.",
        nameof(CloseReason.Client), () => Choice(Arguments.CallersReasons.Select(each => each.Name)));
    private static readonly ArgumentDescription ifNoneMatch = new("If-None-Match", "The ETag of the answer that is known; 304 when it is still the same.", "\"8d5ef0c1\"", In: ParameterLocation.Header);
    private static readonly ArgumentDescription after = new("after", "The id of the last event that was received, where Last-Event-ID cannot be sent.", "17");
    private static readonly ArgumentDescription lastEventId = new("Last-Event-ID", "The id of the last event that was received; the stream goes on after it.", "17", In: ParameterLocation.Header);

    private static readonly AnswerDescription done = new(204, "Done.");
    private static readonly AnswerDescription notModified = new(304, "What is known is still so.");

    private static readonly string[] ofTubes = [ProblemCodes.InvalidRequest, Code(RefusalCode.TubeNotFound), ProblemCodes.Timeout, Code(RefusalCode.NodeUnreachable)];
    private static readonly string[] ofSignalling = [.. ofTubes, Code(RefusalCode.TubeNotReady), Code(RefusalCode.TubeClosing)];
    private static readonly string[] ofConversations = [ProblemCodes.InvalidRequest, Code(RefusalCode.ConversationNotFound), ProblemCodes.Timeout, Code(RefusalCode.NodeUnreachable)];

    public static readonly OperationDescription CreateTube = new("createTube", Tubes, "Make a tube")
    {
        Remarks = "With an offer the answer holds the gateway's answer; without one it holds an offer, and the peer's answer goes to `remote-description`. "
            + "A `tubeId` of a live tube opens one more channel on it, if it is the caller's, and of `owner` where that is given. A lost answer is found again by asking once more with the same `requestKey`.",
        Body = typeof(CreateTubeBody),
        BodyExample = Examples.Create,
        Answers = [new(201, "The tube. The header Location says where it is found.", typeof(TubeCreatedBody), Examples.Created)],
        Codes =
        [
            Code(RefusalCode.InvalidSettings), Code(RefusalCode.InvalidSdp), Code(RefusalCode.ConversationExists), Code(RefusalCode.TubeNotFound), Code(RefusalCode.TubeNotReady), Code(RefusalCode.TubeClosing),
            Code(RefusalCode.ListenFailed), Code(RefusalCode.CreateCancelled), Code(RefusalCode.Overloaded), Code(RefusalCode.OwnerLimit), Code(RefusalCode.ChannelLimit), Code(RefusalCode.CreateFailed),
            Code(RefusalCode.RelayUnavailable), Code(RefusalCode.Draining), Code(RefusalCode.NodeUnreachable), Code(RefusalCode.AuditUnavailable), Code(RefusalCode.NotSupported), Code(RefusalCode.CreateTimeout), ProblemCodes.Timeout,
        ],
    };

    public static readonly OperationDescription ListTubes = new("listTubes", Tubes, "A page of the live tubes of all nodes")
    {
        Remarks = "In the order of their ids; those that ended and are still known with `state=closed`. A creator sees those of its owner.",
        Answers = [new(200, "The page.", typeof(ListBody<TubeBody>), Examples.Tubes)],
        Codes = [ProblemCodes.InvalidRequest, ProblemCodes.Timeout],
        Arguments =
        [
            new("filter", "Part of a tube's or conversation's id; letters' case makes no difference.", "session"),
            new("state", "Only tubes in this state.", "ready", () => Choice(Enum.GetValues<TubeState>().Select(state => state.Text))),
            new("owner", "Only tubes of this owner.", "alice"),
            new("limit", "Most tubes on the page.", "100", () => new() { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = $"{TubeQuery.MaxLimit}" }),
            new("cursor", "The nextCursor of the page before.", Examples.TubeId, Id),
        ],
    };

    public static readonly OperationDescription ReadTube = new("readTube", Tubes, "One tube, also for a while after its end")
    {
        Answers = [new(200, "The tube. The header ETag names what it is now.", typeof(TubeBody), Examples.Tube), notModified],
        Codes = ofTubes,
        Arguments = [tubeId, ifNoneMatch],
    };

    public static readonly OperationDescription ReadStatistics = new("readStatistics", Tubes, "What a live tube's connection does now")
    {
        Answers = [new(200, "The figures.", typeof(StatisticsBody), Examples.Statistics)],
        Codes = [.. ofTubes, Code(RefusalCode.TubeClosing)],
        Arguments = [tubeId],
    };

    public static readonly OperationDescription CloseTube = new("closeTube", Tubes, "Close a tube")
    {
        Remarks = "A second close is 204 too.",
        Answers = [done],
        Codes = ofTubes,
        Arguments = [tubeId, reason],
    };

    public static readonly OperationDescription SetRemoteDescription = new("setRemoteDescription", Signalling, "Give the tube its peer's description")
    {
        Remarks = "The answer to the gateway's offer; or, on a tube that is connected, an offer that restarts ICE.",
        Body = typeof(RemoteDescriptionBody),
        BodyExample = Examples.Answer,
        Answers = [new(200, "The gateway's answer to the offer.", typeof(DescriptionBody), Examples.Offer with { Type = "answer" }), done with { Text = "The answer was taken." }],
        Codes = [.. ofSignalling, Code(RefusalCode.InvalidSdp), Code(RefusalCode.IceRestartLimit), Code(RefusalCode.NotSupported)],
        Arguments = [tubeId],
    };

    public static readonly OperationDescription AddCandidates = new("addCandidates", Signalling, "Give the tube candidates of its peer")
    {
        Body = typeof(CandidatesBody),
        BodyExample = Examples.Candidates,
        Answers = [done],
        Codes = [.. ofSignalling, Code(RefusalCode.InvalidCandidate)],
        Arguments = [tubeId],
    };

    public static readonly OperationDescription RestartIce = new("restartIce", Signalling, "Restart ICE from the gateway's side")
    {
        Remarks = "The offer for the peer is the answer, and the signal `ice_restart_offer`; the peer's answer goes to `remote-description`.",
        Body = typeof(RestartIceBody),
        IsBodyOptional = true,
        Answers = [new(200, "The offer.", typeof(DescriptionBody), Examples.Offer)],
        Codes = [.. ofSignalling, Code(RefusalCode.IceRestartLimit), Code(RefusalCode.NotSupported), Code(RefusalCode.RelayUnavailable)],
        Arguments = [tubeId],
    };

    public static readonly OperationDescription CreateToken = new("createToken", Signalling, "Make a token for the signalling of this tube alone")
    {
        Remarks = "For a browser or a job that must not have a key. It is sent as a key is: `Authorization: Bearer TOKEN`. Only who may act on the tube can make one, and it is "
            + "not for a later tube of the same id.",
        Body = typeof(TokenBody),
        IsBodyOptional = true,
        BodyExample = Examples.Token,
        Answers = [new(201, "The token.", typeof(TokenCreatedBody), Examples.TokenCreated)],
        Codes = ofTubes,
        Arguments = [tubeId],
    };

    public static readonly OperationDescription ReadSignals = new("readSignals", Signalling, "The tube's signals, as server-sent events")
    {
        Remarks = "The event's id is the signal's number, its type the signal's kind, its data the schema of this answer as JSON on one line. All signals from the first come, or those after "
            + "`Last-Event-ID`; the stream ends after `tube_closed`, or within 15 s when the caller's key is revoked or its token expires. Who may see the tube but not act on it gets neither "
            + "`ice_candidate` nor `ice_restart_offer`. A comment line comes every 15 s.",
        Answers = [new(200, "The data of each event.", typeof(SignalBody), Examples.Signal, EventStream.MediaType)],
        Codes = [.. ofTubes, ProblemCodes.StreamLimit],
        Arguments = [tubeId, after, lastEventId],
    };

    public static readonly OperationDescription Associate = new("associateConversation", Conversations, "Put a further conversation under a tube")
    {
        Answers = [done],
        Codes = [.. ofSignalling, Code(RefusalCode.ConversationExists), Code(RefusalCode.ChannelLimit)],
        Arguments = [tubeId, conversationId],
    };

    public static readonly OperationDescription ReadConversation = new("readConversation", Conversations, "Where a conversation lives")
    {
        Answers = [new(200, "The conversation and its tube.", typeof(ConversationBody), Examples.Found)],
        Codes = ofConversations,
        Arguments = [conversationId],
    };

    public static readonly OperationDescription CloseConversation = new("closeConversation", Conversations, "Close a conversation's channel")
    {
        Answers = [done],
        Codes = ofConversations,
        Arguments = [conversationId, reason],
    };

    public static readonly OperationDescription WatchEvents = new("watchEvents", Events, "What happens to all tubes, as server-sent events")
    {
        Remarks = "Of each node first an event `tube` for every tube that lives, with the schema Tube; then `tubes_listed`, with the schema TubesListed; then the signals of all tubes except candidates and offers, "
            + "with the schema Signal and the kind as the event's type. One more `tubes_listed` of a node says that it is gone with all its tubes. Goes on after `Last-Event-ID`, at any node. A creator "
            + "sees what happens to its own tubes. The stream ends within 15 s when the caller's key is revoked or its token expires. A comment line comes every 15 s.",
        Answers = [new(200, "The data of an event that is neither `tube` nor `tubes_listed`.", typeof(SignalBody), Examples.Signal, EventStream.MediaType)],
        Codes = [ProblemCodes.InvalidRequest, ProblemCodes.StreamLimit],
        Arguments = [after, lastEventId],
    };

    public static readonly OperationDescription ReadCapacity = new("readCapacity", Node, "The load of the node that is asked")
    {
        Answers = [new(200, "The load.", typeof(CapacityBody), Examples.Capacity)],
    };

    public static readonly OperationDescription ChangeLimits = new("changeLimits", Node, "Change limits of the node until it stops")
    {
        Body = typeof(LimitsBody),
        BodyExample = Examples.Limits,
        Answers = [new(200, "The load with the new limits.", typeof(CapacityBody), Examples.Capacity with { MaxTubes = 5000, MaxTubesPerOwner = 20 })],
        Codes = [ProblemCodes.Timeout],
    };

    public static readonly OperationDescription ListNodes = new("listNodes", Node, "The nodes of the cluster")
    {
        Answers = [new(200, "The nodes.", typeof(ListBody<NodeBody>), Examples.Nodes)],
    };

    public static readonly OperationDescription Drain = new("drainNode", Node, "Take the node out of service")
    {
        Remarks = "It makes no more tubes, every tube's signals say `node_draining`, and what is left at the deadline is closed.",
        Body = typeof(DrainBody),
        IsBodyOptional = true,
        BodyExample = Examples.Drain,
        Answers = [new(202, "It began; the load.", typeof(CapacityBody), Examples.Draining)],
        Codes = [ProblemCodes.Timeout, Code(RefusalCode.Draining)],
    };

    public static readonly OperationDescription Resume = new("resumeNode", Node, "Put the node back into service")
    {
        Answers = [new(200, "The load.", typeof(CapacityBody), Examples.Capacity)],
        Codes = [ProblemCodes.Timeout, Code(RefusalCode.Draining)],
    };

    public static readonly OperationDescription DrainNamed = Drain with
    {
        Id = "drainNamedNode",
        Summary = "Take a node of the cluster out of service",
        Codes = [ProblemCodes.Timeout, Code(RefusalCode.Draining), Code(RefusalCode.NodeNotFound), Code(RefusalCode.NodeUnreachable)],
        Arguments = [node],
    };

    public static readonly OperationDescription ResumeNamed = Resume with
    {
        Id = "resumeNamedNode",
        Summary = "Put a node of the cluster back into service",
        Codes = [ProblemCodes.Timeout, Code(RefusalCode.Draining), Code(RefusalCode.NodeNotFound), Code(RefusalCode.NodeUnreachable)],
        Arguments = [node],
    };

    public static readonly OperationDescription Reload = new("reloadNode", Node, "Read configuration, keys and certificate again")
    {
        Remarks = "As SIGHUP does. What is wrong changes nothing.",
        Body = typeof(ReloadBody),
        IsBodyOptional = true,
        Answers = [new(200, "What changed, and what needs a restart.", typeof(ReloadedBody), Examples.Reloaded)],
        Codes = [ProblemCodes.InvalidConfiguration],
    };

    public static readonly OperationDescription ReadCaller = new("readCaller", Node, "Whom the key or token is of")
    {
        Answers = [new(200, "The roles and the owner.", typeof(CallerBody), new CallerBody(["creator"]) { Owner = "alice" })],
    };

    public static readonly OperationDescription Liveness = new("readLiveness", Node, "Whether the process answers")
    {
        Answers = [new(200, "It does.", typeof(string), "ok", "text/plain")],
    };

    public static readonly OperationDescription Readiness = new("readReadiness", Node, "Whether the node takes tubes")
    {
        Answers = [new(200, "It does.", typeof(string), "ready", "text/plain")],
        Codes = [ProblemCodes.Joining, Code(RefusalCode.Draining), Code(RefusalCode.AuditUnavailable)],
    };

    public static readonly OperationDescription ReadAudit = new("readAudit", Audit, "A page of what this node recorded, newest first")
    {
        Remarks = "A creator sees the records of its owner.",
        Answers = [new(200, "The page.", typeof(ListBody<AuditRecord>), Examples.Records)],
        Codes = [ProblemCodes.InvalidRequest, ProblemCodes.AuditNotKept, Code(RefusalCode.AuditUnavailable)],
        Arguments =
        [
            new("owner", "Only records of this owner's tubes.", "alice"),
            new("tube", "Only records of this tube.", Examples.TubeId),
            new("conversation", "Only records of this conversation.", Examples.Conversation),
            new("kind", "Only records of this kind.", "tube_end"),
            new("since", "Only records from this time on.", "2026-03-01T00:00:00Z"),
            new("until", "Only records before this time.", "2026-03-02T00:00:00Z"),
            new("limit", "Most records on the page.", "100", () => new() { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = $"{AuditQuery.MaxLimit}" }),
            new("cursor", "The nextCursor of the page before.", "1811"),
        ],
    };

    public static readonly OperationDescription ReadAuditState = new("readAuditState", Audit, "Whether the node can record")
    {
        Answers = [new(200, "The mode and the stores.", typeof(AuditStateBody), new AuditStateBody("strict", [new("database", true, 0, 1811, 0, 0, null)]))],
    };

    public static readonly OperationDescription ReadDocument = new("readDocument", Node, "This document")
    {
        Answers = [new(200, "The document.", typeof(object)), notModified],
        Arguments = [ifNoneMatch],
    };

    private static string Code(RefusalCode code) => code.Text;

    private static OpenApiSchema Id() => new() { Type = JsonSchemaType.String, Pattern = "^[A-Za-z0-9._-]+$", MinLength = 1, MaxLength = TubeId.MaxLength };

    private static OpenApiSchema Text(int most) => new() { Type = JsonSchemaType.String, MinLength = 1, MaxLength = most };

    private static OpenApiSchema Choice(IEnumerable<string> values) => new() { Type = JsonSchemaType.String, Enum = [.. values.Select(value => (System.Text.Json.Nodes.JsonNode)value)] };
}
