using Microsoft.OpenApi;

namespace Registry.Host.Api.Description;

/// <summary>What the document says of one call, besides what its types say.</summary>
/// <param name="Id">Its name in generated clients.</param>
/// <param name="Tag">The group it stands in.</param>
/// <param name="Summary">What it does, in a line.</param>
internal sealed record OperationDescription(string Id, string Tag, string Summary)
{
    /// <summary>The rest of what one must know.</summary>
    public string? Remarks { get; init; }

    /// <summary>The body; null for none.</summary>
    public Type? Body { get; init; }

    /// <summary>Whether the body may be left out.</summary>
    public bool IsBodyOptional { get; init; }

    /// <summary>A body.</summary>
    public object? BodyExample { get; init; }

    /// <summary>What is answered when all goes well.</summary>
    public IReadOnlyList<AnswerDescription> Answers { get; init; } = [];

    /// <summary>Codes of <see cref="ProblemCodes"/> that it can be refused with, besides those of any call.</summary>
    public IReadOnlyList<string> Codes { get; init; } = [];

    /// <summary>What stands in path, query and headers.</summary>
    public IReadOnlyList<ArgumentDescription> Arguments { get; init; } = [];
}

/// <summary>One way a call ends well.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Text">What it means.</param>
/// <param name="Type">What is answered; null for nothing.</param>
/// <param name="Example">An answer.</param>
/// <param name="MediaType">How it is written.</param>
internal sealed record AnswerDescription(int Status, string Text, Type? Type = null, object? Example = null, string MediaType = "application/json");

/// <summary>One argument of a call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Text">What it means.</param>
/// <param name="Example">A value.</param>
/// <param name="Schema">Its shape; null for any text.</param>
/// <param name="In">Where it stands.</param>
internal sealed record ArgumentDescription(string Name, string Text, string Example, Func<OpenApiSchema>? Schema = null, ParameterLocation In = ParameterLocation.Query);

/// <summary>Puts descriptions on endpoints.</summary>
internal static class Describing
{
    public static T Described<T>(this T endpoint, OperationDescription description) where T : IEndpointConventionBuilder
    {
        endpoint.WithName(description.Id).WithTags(description.Tag).WithSummary(description.Summary).WithMetadata(description);
        if (description.Remarks is { } remarks)
            endpoint.WithDescription(remarks);
        foreach (var answer in description.Answers)
            endpoint.WithMetadata(new ProducesResponseTypeMetadata(answer.Status, answer.Type ?? typeof(void), answer.Type is null ? null : [answer.MediaType]));
        endpoint.Add(builder =>
        {
            foreach (var status in CodesOf(description, builder.Metadata).SelectMany(code => ProblemCodes.All[code].Statuses).Distinct())
                builder.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(ProblemBody), [ProblemBody.ContentType]));
        });
        return endpoint;
    }

    /// <summary>Everything a call can be refused with.</summary>
    public static IEnumerable<string> CodesOf(OperationDescription description, IEnumerable<object> metadata)
    {
        var isForAnyone = metadata.OfType<Microsoft.AspNetCore.Authorization.IAllowAnonymous>().Any();
        var isUnlimited = metadata.OfType<Microsoft.AspNetCore.RateLimiting.DisableRateLimitingAttribute>().Any();
        return description.Codes
            .Concat(ProblemCodes.OfAnyCall)
            .Concat(isForAnyone ? [] : ProblemCodes.OfKnownCallers)
            .Concat(isUnlimited ? [] : [ProblemCodes.RateLimited])
            .Concat(description.Body is null ? [] : ProblemCodes.OfBodies)
            .Distinct();
    }
}
