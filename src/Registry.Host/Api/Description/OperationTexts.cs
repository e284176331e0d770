using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Registry.Host.Security;

namespace Registry.Host.Api.Description;

/// <summary>What the document says of each call that its types do not: texts, examples, arguments, codes, and who may make it.</summary>
internal static class OperationTexts
{
    public static Task ApplyAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<OperationDescription>().LastOrDefault() is not { } description)
            return Task.CompletedTask;
        if (operation.RequestBody?.Content?.Values.FirstOrDefault() is { } body && description.BodyExample is { } example)
            body.Example = Write(example);
        foreach (var answer in description.Answers)
            Describe(operation.Responses![$"{answer.Status}"], answer);
        foreach (var codes in Describing.CodesOf(description, metadata).SelectMany(code => ProblemCodes.All[code].Statuses.Select(status => (Status: status, Kind: ProblemCodes.All[code]))).GroupBy(one => one.Status, one => one.Kind))
            Describe(operation.Responses![$"{codes.Key}"], [.. codes], context.Document!);
        var ordered = new OpenApiResponses();
        foreach (var (status, response) in operation.Responses!.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            ordered.Add(status, response);
        operation.Responses = ordered;
        operation.Parameters = [.. description.Arguments.Select(Write)];
        Permit(operation, metadata, context.Document!);
        return Task.CompletedTask;
    }

    private static void Describe(IOpenApiResponse response, AnswerDescription answer)
    {
        response.Description = answer.Text;
        if (answer.Example is not null && response.Content?.TryGetValue(answer.MediaType, out var content) == true)
            content.Example = answer.Example is string text ? text : Write(answer.Example);
    }

    private static void Describe(IOpenApiResponse response, IReadOnlyList<ProblemKind> kinds, OpenApiDocument document)
    {
        response.Description = string.Join("\n", kinds.Select(kind => $"- `{kind.Code}`: {kind.Meaning}"));
        response.Content![ProblemBody.ContentType].Examples = kinds.ToDictionary(
            kind => kind.Code,
            IOpenApiExample (kind) => new OpenApiExampleReference(kind.Code, document));
    }

    private static IOpenApiParameter Write(ArgumentDescription argument)
    {
        var schema = argument.Schema?.Invoke() ?? new() { Type = JsonSchemaType.String };
        return new OpenApiParameter
        {
            Name = argument.Name,
            In = argument.In,
            Required = argument.In == ParameterLocation.Path,
            Description = argument.Text,
            Schema = schema,
            Example = schema.Type == JsonSchemaType.Integer ? JsonNode.Parse(argument.Example) : argument.Example,
        };
    }

    private static void Permit(OpenApiOperation operation, IEnumerable<object> metadata, OpenApiDocument document)
    {
        if (metadata.OfType<IAllowAnonymous>().Any())
            return;
        var permission = metadata.OfType<PermissionMetadata>().LastOrDefault();
        operation.Description = $"{operation.Description}{(string.IsNullOrEmpty(operation.Description) ? "" : "\n\n")}For {permission?.Who ?? "operators"}.";
        // The empty one is for gateways that ask nobody.
        operation.Security = [new OpenApiSecurityRequirement(), .. DocumentTexts.Schemes.Where(scheme => scheme.Name != DocumentTexts.TubeToken || permission is { WithToken: true })
            .Select(scheme => new OpenApiSecurityRequirement { [new(scheme.Name, document)] = [] })];
    }

    /// <summary>A body as it is answered.</summary>
    public static JsonNode Write(object body) => JsonSerializer.SerializeToNode(body, body.GetType(), ApiJson.Options)!;
}
